// @ts-check
import { html } from '../lib.js';

export const Logo = ({ small = false }) => html`<span class=${small ? 'logo small' : 'logo'} aria-hidden="true"><svg viewBox="0 0 32 32" width=${small ? 22 : 30} height=${small ? 22 : 30} fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"><path d="M16 6l8.500 5v10L16 26l-8.500-5V11zM7.500 11L16 16l8.500-5M16 16v10" /></svg></span>`;
