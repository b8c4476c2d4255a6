// @ts-check
// The page of the address: loads its module, shows what went wrong in words, and never takes the frame down with it.
import { Component, html, useEffect, useState } from '../lib.js';
import { Button, Empty, Notice, Skeleton } from '../kit/parts.js';
import { Page } from '../kit/layout.js';
import { go } from './router.js';
import { may, signOut } from './session.js';

/** @type {Map<string, any>} */
const loaded = new Map();

export function Outlet({ now }) {
  const [, turn] = useState(0);
  const page = now?.page;
  const [failed, setFailed] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (!page || loaded.has(page.name) || !may(page.scope)) return;
    setFailed(null);
    page.load().then((module) => (loaded.set(page.name, module.default), turn((n) => n + 1)), setFailed);
  }, [page]);
  if (!page) {
    return html`<${Page} title="Nothing here"><${Empty} icon="search" title="There is no such page" action=${html`<${Button} primary href="/ui/">To the start<//>`}>The address may be old. Press <kbd>/</kbd> to search.<//><//>`;
  }
  if (!may(page.scope)) {
    return html`<${Page} title=${page.title}><${Empty} icon="lock" title="Your key may not see this" action=${html`<${Button} onClick=${signOut}>Sign in with another key<//>`}>It needs the scope “${page.scope}”. An administrator can make such a key.<//><//>`;
  }
  if (failed) return html`<${Page} title=${page.title}><${Broken} error=${failed} title="This page could not be loaded" /><//>`;
  const Content = loaded.get(page.name);
  if (!Content) return html`<div class="page"><${Skeleton} lines=${6} /></div>`;
  return html`<${Content} params=${now.params} page=${page} />`;
}

function Broken({ error, title }) {
  return html`<${Notice} kind="bad" title=${title} action=${html`<${Button} small icon="refresh" onClick=${() => location.reload()}>Reload<//>`}>
    <div class="soft">${error?.message ?? String(error)}</div><div class="small soft">The server may have been updated since this tab was opened: reloading brings the new version. Nothing you sent is lost on the server.</div><//>`;
}

/** Catches what a page throws while it is drawn. */
export class Boundary extends Component {
  constructor(props) {
    super(props);
    this.state = { error: null };
  }

  static getDerivedStateFromError(error) {
    return { error };
  }

  componentDidCatch(error) {
    console.error(error);
  }

  render(props, state) {
    if (!state.error) return props.children;
    return html`<${Page} title="Something went wrong"><${Broken} error=${state.error} title="This page has a fault" /><div><${Button} onClick=${() => (this.setState({ error: null }), go('/ui/'))}>To the start<//></div><//>`;
  }
}
