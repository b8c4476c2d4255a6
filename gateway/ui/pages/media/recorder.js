// @ts-check
// Recording from the microphone, with a meter that shows whether it hears anything.
//
//   html`<${Recorder} onDone=${(file) => …} />`      a File of the kind the browser records (webm or mp4)
import { html, useEffect, useRef, useState } from '../../lib.js';
import { Icon } from '../../kit/icons.js';
import { toast } from '../../kit/overlay.js';
import { Button } from '../../kit/parts.js';
import { clock } from '../../kit/media/player.js';

const KINDS = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus'];

/** @param {{onDone: (file: File) => void}} props */
export function Recorder({ onDone }) {
  const [on, setOn] = useState(/** @type {any} */ (null)), [level, setLevel] = useState(0), [since, setSince] = useState(0);
  const now = useRef(on);
  now.current = on;
  useEffect(() => () => now.current?.drop(), []);
  useEffect(() => {
    if (!on) return;
    let frame = 0;
    const look = () => (setLevel(on.level()), setSince((performance.now() - on.at) / 1000), (frame = requestAnimationFrame(look)));
    look();
    return () => cancelAnimationFrame(frame);
  }, [on]);
  const begin = async () => {
    try {
      setOn(await recording());
    } catch (error) {
      toast(words(error), { kind: 'bad' });
    }
  };
  const end = async () => {
    const file = await on.end();
    setOn(null);
    onDone(file);
  };
  if (!on) return html`<${Button} small icon="mic" onClick=${begin}>Record<//>`;
  return html`<span class="recorder row" role="group" aria-label="Recording"><${Icon} name="mic" class="bad-text" /><span class="num small">${clock(since)}</span>
    <meter min="0" max="1" value=${level} aria-label="Level"></meter><${Button} small primary icon="stop" onClick=${end}>Stop<//><${Button} small ghost icon="close" label="Throw away" onClick=${() => (on.drop(), setOn(null))} /></span>`;
}

function words(error) {
  if (error.name === 'NotAllowedError') return 'The browser may not use the microphone here. Allow it in the address bar, then try again.';
  if (error.name === 'NotFoundError') return 'There is no microphone.';
  return error.message;
}

async function recording() {
  if (!navigator.mediaDevices) throw new Error('Browsers record only over https or on this machine (localhost).');
  const line = await navigator.mediaDevices.getUserMedia({ audio: true });
  const kind = KINDS.find((one) => MediaRecorder.isTypeSupported(one)) ?? '';
  const recorder = new MediaRecorder(line, kind ? { mimeType: kind } : {});
  const context = new AudioContext(), meter = context.createAnalyser(), pieces = /** @type {Blob[]} */ ([]);
  meter.fftSize = 1024;
  context.createMediaStreamSource(line).connect(meter);
  const wave = new Float32Array(meter.fftSize);
  recorder.ondataavailable = (event) => event.data.size && pieces.push(event.data);
  recorder.start(500);
  const drop = () => {
    line.getTracks().forEach((one) => one.stop());
    if (context.state !== 'closed') context.close();
  };
  return {
    at: performance.now(), drop,
    level() {
      meter.getFloatTimeDomainData(wave);
      return Math.min(1, Math.sqrt(wave.reduce((sum, one) => sum + one * one, 0) / wave.length) * 4);
    },
    end: () => new Promise((done) => {
      recorder.onstop = () => {
        drop();
        const type = (recorder.mimeType || 'audio/webm').split(';')[0];
        done(new File(pieces, `recording-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.${type.includes('mp4') ? 'm4a' : type.split('/')[1]}`, { type }));
      };
      recorder.stop();
    }),
  };
}
