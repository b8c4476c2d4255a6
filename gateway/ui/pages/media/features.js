// @ts-check
// The features that make or read media: what each is called, which operation it asks for, and the fields of its form.
//
// A field is one of kit/form.js, with `start` (its first value) and `more: true` for those under "More options". Types of our own:
// `media` (a file of the server, kit/media.js), `mask` (drawn over the field `over`), `seed` and `size` ("1024x768", sent as width and height).
// A new operation is an entry here and a line in pages.js; page names are its keys.

const PICTURE = 'image/*';
const prompt = (placeholder, more = {}) => ({ name: 'positive_prompt', label: 'Prompt', type: 'textarea', rows: 4, required: true, autofocus: true, placeholder, ...more });
const image = (more = {}) => ({ name: 'image', label: 'Image', type: 'media', accept: PICTURE, required: true, everywhere: true, paste: true, ...more });
const avoid = { name: 'negative_prompt', label: 'Leave out', type: 'textarea', rows: 2, placeholder: 'text, watermark, blurry', hint: 'What shall not be in it. Some models take no such words.', more: true };
const seed = { name: 'seed', label: 'Seed', type: 'seed', hint: 'The same seed and values make the same thing again, where the model allows. Empty: a new one each time.', more: true };
const steps = { name: 'steps', label: 'Steps', type: 'number', min: 1, max: 200, step: 1, placeholder: 'as the model likes', more: true };
const cfg = { name: 'cfg_scale', label: 'Guidance', type: 'number', min: 0, max: 100, step: 0.5, placeholder: 'as the model likes', hint: 'How closely it keeps to the prompt.', more: true };
const sampler = { name: 'sampler', label: 'Sampler', placeholder: 'euler', more: true };
const scheduler = { name: 'scheduler', label: 'Scheduler', placeholder: 'normal', more: true };
const count = { name: 'batch_size', label: 'How many', type: 'slider', min: 1, max: 10, step: 1, start: 1 };
const quality = { name: 'quality', label: 'Quality', placeholder: 'high', more: true, hint: 'A word the model knows.' };
const background = { name: 'background', label: 'Background', placeholder: 'transparent', more: true };
const format = (list) => ({ name: 'output_format', label: 'Format', type: 'select', options: list, placeholder: 'as the model gives it', more: true });
const own = (name, label, max) => ({ name, label, type: 'number', min: 64, max, step: 8, show: (values) => values.size === 'own', required: true });
const size = (list) => [{ name: 'size', label: 'Size', type: 'size', options: [['', 'As the model likes'], ...list, ['own', 'My own …']], start: '' }, own('width', 'Width', 2048), own('height', 'Height', 2048)];
const STILL = size([['1024x1024', 'Square · 1024 × 1024'], ['1216x832', 'Landscape · 1216 × 832'], ['832x1216', 'Portrait · 832 × 1216'], ['1344x768', 'Wide · 1344 × 768'], ['768x1344', 'Tall · 768 × 1344'], ['512x512', 'Small · 512 × 512']]);
const MOVING = size([['832x480', 'Landscape · 832 × 480'], ['480x832', 'Portrait · 480 × 832'], ['1280x720', 'HD · 1280 × 720'], ['640x640', 'Square · 640 × 640']]).map((one) => ({ ...one, more: true }));
const length = (start, max, more = {}) => ({ name: 'seconds', label: 'Seconds', type: 'slider', min: 1, max, step: 1, start, ...more });
const fps = { name: 'fps', label: 'Frames a second', type: 'number', min: 1, max: 120, step: 1, placeholder: 'as the model likes', more: true };
const PAINTED = format(['png', 'jpeg', 'webp']);

const COMFY = 'ai-server provider add comfyui --kind comfyui --base-url http://gpu-box:8188 --slots 1';
const OPENAI = 'ai-server provider add openai --kind openai --key sk-…';

/** What OpenAI's models speak with; other models have their own, so any word is taken. */
const VOICES = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'fable', 'onyx', 'nova', 'sage', 'shimmer', 'verse', 'marin', 'cedar'];
const LANGUAGES = [['', 'As it is heard'], ['en', 'English'], ['de', 'German'], ['fr', 'French'], ['es', 'Spanish'], ['it', 'Italian'], ['pt', 'Portuguese'], ['nl', 'Dutch'], ['pl', 'Polish'], ['sv', 'Swedish'], ['tr', 'Turkish'], ['uk', 'Ukrainian'], ['ru', 'Russian'], ['ar', 'Arabic'], ['hi', 'Hindi'], ['zh', 'Chinese'], ['ja', 'Japanese'], ['ko', 'Korean']];

/** @typedef {{op: string, title: string, icon: string, noun: string, about: string, submit: string, fields: any[], provider: string, empty: string, example?: string}} Feature */

/** @type {Record<string, Feature>} */
export const FEATURES = {
  'text-to-image': {
    op: 'text_to_image', title: 'Text to image', icon: 'image', noun: 'picture', submit: 'Paint', provider: COMFY, about: 'Pictures from words.', empty: 'Say what there is to see, in what light and in which manner.',
    fields: [prompt('A lighthouse on a cliff at dusk, oil painting'), ...STILL, count, avoid, seed, steps, cfg, sampler, scheduler, quality, { name: 'style', label: 'Style', placeholder: 'vivid', more: true }, background, PAINTED],
  },
  'image-to-image': {
    op: 'image_to_image', title: 'Image to image', icon: 'wand', noun: 'picture', submit: 'Repaint', provider: COMFY, about: 'A picture made anew by your words.', empty: 'Give a picture and say what it shall become.',
    fields: [image(), prompt('The same house in winter, snow on the roof'), { name: 'denoise', label: 'How much may change', type: 'slider', min: 0, max: 1, step: 0.05, start: 0.6, hint: '0 keeps the picture, 1 forgets it.' }, count,
      { name: 'images', label: 'More pictures to go by', type: 'media', accept: PICTURE, many: true, more: true }, avoid, seed, steps, cfg, sampler, scheduler, quality, background, PAINTED],
  },
  inpaint: {
    op: 'image_with_mask', title: 'Inpaint', icon: 'brush', noun: 'picture', submit: 'Paint the mask', provider: COMFY, about: 'Paint over a part of a picture, and have it made anew.', empty: 'Give a picture, draw over what shall change, and say what shall be there.',
    fields: [image(), { name: 'mask', label: 'Mask', type: 'mask', over: 'image', required: true, show: (values) => !!values.image }, prompt('A red balloon'),
      { name: 'denoise', label: 'How much may change', type: 'slider', min: 0, max: 1, step: 0.05, start: 1, more: true }, { ...count, more: true }, avoid, seed, steps, cfg, sampler, scheduler, quality, PAINTED],
  },
  upscale: {
    op: 'image_upscale', title: 'Upscale', icon: 'expand', noun: 'picture', submit: 'Enlarge', provider: COMFY, about: 'A picture made larger, with detail that fits.', empty: 'Give a small picture.',
    fields: [image(), { name: 'scale', label: 'How many times', type: 'slider', min: 1.5, max: 8, step: 0.5, start: 2 }, seed],
  },
  'image-to-text': {
    op: 'image_to_text', title: 'Image to text', icon: 'eye', noun: 'description', submit: 'Read', provider: 'ai-server provider add ollama --kind ollama --base-url http://127.0.0.1:11434', about: 'What a picture shows, or what is written in it.', empty: 'Give a picture, and ask about it if you like.',
    fields: [image(), { name: 'prompt', label: 'Question', type: 'textarea', rows: 3, placeholder: 'Describe it.', hint: 'Empty: it is described.' }, { name: 'max_tokens', label: 'Tokens at most', type: 'number', min: 1, step: 1, more: true, placeholder: 'as the model likes' }],
  },
  'speech-to-text': {
    op: 'speech_to_text', title: 'Speech to text', icon: 'mic', noun: 'transcript', submit: 'Write down', provider: OPENAI, about: 'Speech written down, with times. Record it here or give a file.', empty: 'Record something, or drop a sound file anywhere on this page.',
    fields: [{ name: 'audio', label: 'Sound', type: 'media', accept: 'audio/*,video/*', record: true, required: true, everywhere: true, paste: true }, { name: 'language', label: 'Language', type: 'select', options: LANGUAGES, start: '' },
      { name: 'words', label: 'Times of each word', type: 'switch', start: true }, { name: 'translate', label: 'Into English', type: 'switch' },
      { name: 'prompt', label: 'Names and words to expect', type: 'textarea', rows: 2, more: true, placeholder: 'Kubernetes, Müller & Söhne' }, { name: 'temperature', label: 'Temperature', type: 'number', min: 0, max: 1, step: 0.1, more: true, placeholder: '0' }],
  },
  'text-to-speech': {
    op: 'text_to_speech', title: 'Text to speech', icon: 'speaker', noun: 'recording', submit: 'Speak', provider: OPENAI, about: 'Your text, spoken.', empty: 'Write what shall be said.',
    fields: [{ name: 'input', label: 'Text', type: 'textarea', rows: 6, required: true, autofocus: true, placeholder: 'The ship leaves the harbour at seven in the morning.' }, { name: 'voice', label: 'Voice', type: 'combo', free: true, options: VOICES, placeholder: 'the model’s own', hint: 'Choose one, or write the name your model knows.' },
      { name: 'speed', label: 'Speed', type: 'slider', min: 0.25, max: 4, step: 0.05, start: 1 }, { name: 'instructions', label: 'How it is said', type: 'textarea', rows: 2, more: true, placeholder: 'Calm, like a bedtime story' }, format(['mp3', 'opus', 'aac', 'flac', 'wav', 'ogg']), seed],
  },
  'text-to-audio': {
    op: 'text_to_audio', title: 'Text to audio', icon: 'music', noun: 'sound', submit: 'Compose', provider: COMFY, about: 'Music and noises from words.', empty: 'Say what there is to hear.',
    fields: [prompt('Slow piano, rain on a window'), length(10, 180), avoid, seed, steps, cfg, format(['mp3', 'opus', 'flac', 'wav', 'ogg'])],
  },
  'text-to-video': {
    op: 'text_to_video', title: 'Text to video', icon: 'video', noun: 'video', submit: 'Film', provider: COMFY, about: 'Short films from words.', empty: 'Say what happens, and how the camera moves.',
    fields: [prompt('A paper boat drifts down a stream, the camera follows'), length(5, 60), ...MOVING, fps, avoid, seed, steps, cfg],
  },
  'image-to-video': {
    op: 'image_to_video', title: 'Image to video', icon: 'play', noun: 'video', submit: 'Set in motion', provider: COMFY, about: 'A picture that begins to move.', empty: 'Give the first picture and say what happens.',
    fields: [image(), prompt('The waves roll in, clouds drift'), length(5, 60), ...MOVING, fps, avoid, seed, steps, cfg],
  },
};

/** First values of a feature's form. @param {Feature} feature */
export const start = (feature) => ({ model: '', ...Object.fromEntries(feature.fields.map((one) => [one.name, one.start ?? (one.many ? [] : one.type === 'media' || one.type === 'mask' ? null : '')])) });
