"""The dialect's types in the languages of its clients: one model, one emitter a language."""
