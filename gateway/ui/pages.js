// @ts-check
// Every page there is. To add one, see README.md. The order is the sidebar's.
//
//   name      one word, as the file in pages/
//   path      '/jobs', or several: ['/jobs', '/jobs/:id']; the first is where the sidebar leads
//   title, icon, section ('use' | 'admin'), scope ('' | 'analytics' | 'admin')
//   keys      the shortcut that leads there, 'g j'; `words`: what else one may search for
//   menu      false: not in the sidebar; then `under` names the page that is marked instead
//   load      () => import('./pages/NAME.js'), whose default export is the component; it gets { params, page }

/** @type {{name: string, path: string|string[], title: string, icon: string, section: 'use'|'admin', scope: ''|'analytics'|'admin', keys?: string, words?: string, menu?: boolean, under?: string, load: () => Promise<any>}[]} */
export const pages = [
  { name: 'home', path: '/', title: 'Home', icon: 'home', section: 'use', scope: '', keys: 'g h', words: 'start install samples languages first call', load: () => import('./pages/home.js') },
  { name: 'chat', path: ['/chat', '/chat/:id'], title: 'Chat', icon: 'chat', section: 'use', scope: '', keys: 'g c', words: 'talk ask conversation llm history', load: () => import('./pages/chat.js') },
  { name: 'prompts', path: ['/prompts', '/prompts/:id'], title: 'Prompts', icon: 'book', section: 'use', scope: '', keys: 'g p', words: 'system prompt library generator write', load: () => import('./pages/prompts.js') },
  { name: 'text-to-image', path: ['/text-to-image', '/text-to-image/:id'], title: 'Text to image', icon: 'image', section: 'use', scope: '', keys: 'g i', words: 'draw paint generate picture stable diffusion flux', load: () => import('./pages/media.js') },
  { name: 'image-to-image', path: ['/image-to-image', '/image-to-image/:id'], title: 'Image to image', icon: 'wand', section: 'use', scope: '', words: 'repaint variation picture', load: () => import('./pages/media.js') },
  { name: 'inpaint', path: ['/inpaint', '/inpaint/:id'], title: 'Inpaint', icon: 'brush', section: 'use', scope: '', words: 'mask replace erase picture brush', load: () => import('./pages/media.js') },
  { name: 'upscale', path: ['/upscale', '/upscale/:id'], title: 'Upscale', icon: 'expand', section: 'use', scope: '', words: 'enlarge larger resolution picture', load: () => import('./pages/media.js') },
  { name: 'image-to-text', path: ['/image-to-text', '/image-to-text/:id'], title: 'Image to text', icon: 'eye', section: 'use', scope: '', words: 'describe read ocr caption vision', load: () => import('./pages/media.js') },
  { name: 'speech-to-text', path: ['/speech-to-text', '/speech-to-text/:id'], title: 'Speech to text', icon: 'mic', section: 'use', scope: '', keys: 'g n', words: 'transcribe record subtitles srt whisper', load: () => import('./pages/media.js') },
  { name: 'text-to-speech', path: ['/text-to-speech', '/text-to-speech/:id'], title: 'Text to speech', icon: 'speaker', section: 'use', scope: '', words: 'voice speak read aloud tts', load: () => import('./pages/media.js') },
  { name: 'text-to-audio', path: ['/text-to-audio', '/text-to-audio/:id'], title: 'Text to audio', icon: 'music', section: 'use', scope: '', words: 'music sound noise compose', load: () => import('./pages/media.js') },
  { name: 'text-to-video', path: ['/text-to-video', '/text-to-video/:id'], title: 'Text to video', icon: 'video', section: 'use', scope: '', words: 'film clip movie', load: () => import('./pages/media.js') },
  { name: 'image-to-video', path: ['/image-to-video', '/image-to-video/:id'], title: 'Image to video', icon: 'play', section: 'use', scope: '', words: 'animate film clip', load: () => import('./pages/media.js') },
  { name: 'gallery', path: '/gallery', title: 'Gallery', icon: 'images', section: 'use', scope: '', keys: 'g g', words: 'pictures results videos sounds lightbox made', load: () => import('./pages/gallery.js') },
  { name: 'models', path: '/models', title: 'Models', icon: 'cube', section: 'use', scope: '', keys: 'g m', words: 'served operations llm', load: () => import('./pages/models.js') },
  { name: 'transforms', path: ['/transforms', '/transforms/:op'], title: 'Transforms', icon: 'crop', section: 'use', scope: '', keys: 'g t', words: 'crop scale convert watermark trim image video audio ffmpeg', load: () => import('./pages/transforms.js') },
  { name: 'workflows', path: ['/workflows', '/workflows/:name'], title: 'Workflows', icon: 'flow', section: 'use', scope: '', keys: 'g w', words: 'comfyui nodes run upload', load: () => import('./pages/workflows.js') },
  { name: 'files', path: '/files', title: 'Files', icon: 'folder', section: 'use', scope: '', keys: 'g f', words: 'upload storage links variants gallery quota', load: () => import('./pages/files.js') },
  { name: 'dashboard', path: '/dashboard', title: 'Dashboard', icon: 'gauge', section: 'admin', scope: 'admin', keys: 'g d', words: 'totals tokens minutes workers statistics month', load: () => import('./pages/dashboard.js') },
  { name: 'live', path: '/live', title: 'Live', icon: 'pulse', section: 'admin', scope: 'admin', keys: 'g l', words: 'running now processes heartbeat throughput latency', load: () => import('./pages/live.js') },
  { name: 'jobs', path: '/jobs', title: 'Jobs', icon: 'list', section: 'admin', scope: 'admin', keys: 'g j', words: 'failed queued cancel requeue replay history scheduled', load: () => import('./pages/jobs.js') },
  { name: 'job', path: '/jobs/:id', title: 'Job', icon: 'list', section: 'admin', scope: 'admin', menu: false, under: 'jobs', load: () => import('./pages/job.js') },
  { name: 'dead-letters', path: '/dead-letters', title: 'Dead letters', icon: 'alert', section: 'admin', scope: 'admin', words: 'failed for good requeue', load: () => import('./pages/dead-letters.js') },
  { name: 'queues', path: '/queues', title: 'Queues', icon: 'stack', section: 'admin', scope: 'admin', keys: 'g q', words: 'pause drain resume depth', load: () => import('./pages/queues.js') },
  { name: 'operations', path: '/operations', title: 'Operations', icon: 'bolt', section: 'admin', scope: 'admin', keys: 'g o', words: 'commands run statistics duration', load: () => import('./pages/operations.js') },
  { name: 'analytics', path: '/analytics', title: 'Analytics', icon: 'chart', section: 'admin', scope: 'analytics', keys: 'g a', words: 'reports usage tokens cost latency percentiles errors cache browsers devices bots users months idle', load: () => import('./pages/analytics.js') },
  { name: 'logs', path: '/logs', title: 'Logs', icon: 'logs', section: 'admin', scope: 'analytics', keys: 'g x', words: 'requests history months calls bodies', load: () => import('./pages/logs.js') },
  { name: 'sql', path: '/sql', title: 'SQL', icon: 'terminal', section: 'admin', scope: 'analytics', keys: 'g y', words: 'query console duckdb archive parquet', load: () => import('./pages/sql.js') },
  { name: 'data', path: ['/data', '/data/:table'], title: 'Data', icon: 'database', section: 'admin', scope: 'analytics', keys: 'g b', words: 'tables browse rows columns archive', load: () => import('./pages/data.js') },
  { name: 'providers', path: '/providers', title: 'Providers', icon: 'server', section: 'admin', scope: 'admin', keys: 'g v', words: 'services ollama comfyui openai add connect slots', load: () => import('./pages/providers.js') },
  { name: 'provider', path: '/providers/:name', title: 'Provider', icon: 'server', section: 'admin', scope: 'admin', menu: false, under: 'providers', load: () => import('./pages/provider.js') },
  { name: 'catalogue', path: '/catalogue', title: 'Models and routing', icon: 'cube', section: 'admin', scope: 'admin', keys: 'g r', words: 'aliases prices context rules fallbacks weights strategy types route', load: () => import('./pages/catalogue.js') },
  { name: 'keys', path: '/keys', title: 'Keys', icon: 'key', section: 'admin', scope: 'admin', keys: 'g k', words: 'api key scopes limits budget rotate revoke', load: () => import('./pages/keys.js') },
  { name: 'key', path: '/keys/:id', title: 'Key', icon: 'key', section: 'admin', scope: 'admin', menu: false, under: 'keys', load: () => import('./pages/key.js') },
  { name: 'settings', path: '/settings', title: 'Settings', icon: 'settings', section: 'admin', scope: 'admin', keys: 'g s', words: 'retention limits quota rollback configuration', load: () => import('./pages/settings.js') },
  { name: 'audit', path: '/audit', title: 'Audit', icon: 'shield', section: 'admin', scope: 'admin', keys: 'g u', words: 'trail who changed history', load: () => import('./pages/audit.js') },
  { name: 'me', path: '/me', title: 'Your key', icon: 'user', section: 'use', scope: '', keys: 'g e', words: 'me account rights limits budget storage', load: () => import('./pages/me.js') },
];
