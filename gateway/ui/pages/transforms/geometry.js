// @ts-check
// Rectangles in the pixels of a picture: drawn, moved, pulled at a handle, held to an aspect, never outside. Pure.
//
// A rectangle is `{x, y, width, height}` in whole pixels; `size` is the picture's `{width, height}`; `aspect` width by height, 0: free.

const within = (value, most) => Math.min(Math.max(value, 0), most);

/** From one corner to the opposite one. With an aspect the longer way counts. */
export function drawn(from, to, size, aspect = 0) {
  const a = { x: within(Math.round(from.x), size.width), y: within(Math.round(from.y), size.height) };
  const b = { x: within(Math.round(to.x), size.width), y: within(Math.round(to.y), size.height) };
  const right = b.x >= a.x, down = b.y >= a.y;
  let width = Math.abs(b.x - a.x), height = Math.abs(b.y - a.y);
  if (aspect) {
    const most = Math.min(right ? size.width - a.x : a.x, (down ? size.height - a.y : a.y) * aspect);
    width = Math.min(Math.max(width, height * aspect), most);
    height = width / aspect;
  }
  width = Math.max(1, Math.round(width));
  height = Math.max(1, Math.round(height));
  return inside({ x: right ? a.x : a.x - width, y: down ? a.y : a.y - height, width, height }, size);
}

export function moved(rect, dx, dy, size) {
  return { ...rect, x: within(Math.round(rect.x + dx), size.width - rect.width), y: within(Math.round(rect.y + dy), size.height - rect.height) };
}

/** One of its handles (`nw n ne e se s sw w`) is at `point` now; the opposite side stays. */
export function pulled(rect, handle, point, size, aspect = 0) {
  const { x, y, width, height } = rect;
  const to = {
    x: handle.includes('w') || handle.includes('e') ? point.x : null,
    y: handle.includes('n') || handle.includes('s') ? point.y : null,
  };
  const anchor = { x: handle.includes('w') ? x + width : x, y: handle.includes('n') ? y + height : y };
  if (aspect && to.x === null) return drawn(anchor, { x: anchor.x, y: to.y }, size, aspect);
  if (aspect && to.y === null) return drawn(anchor, { x: to.x, y: anchor.y }, size, aspect);
  return drawn(anchor, { x: to.x ?? x + width, y: to.y ?? y + height }, size, aspect);
}

/** The largest of an aspect, in the middle. */
export function largest(size, aspect = 0) {
  if (!aspect) return { x: 0, y: 0, width: size.width, height: size.height };
  const width = Math.max(1, Math.round(Math.min(size.width, size.height * aspect))), height = Math.max(1, Math.round(Math.min(size.height, size.width / aspect)));
  return { x: Math.round((size.width - width) / 2), y: Math.round((size.height - height) / 2), width, height };
}

/** The same rectangle with another aspect, about the same middle and no larger than it was wide. */
export function shaped(rect, size, aspect) {
  if (!aspect) return rect;
  const width = Math.min(rect.width, size.width, size.height * aspect), height = width / aspect;
  const x = rect.x + (rect.width - width) / 2, y = rect.y + (rect.height - height) / 2;
  return inside({ x: Math.round(x), y: Math.round(y), width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) }, size);
}

/** Made whole, and put inside. */
export function inside(rect, size) {
  const width = Math.min(Math.max(1, Math.round(rect.width || 1)), size.width), height = Math.min(Math.max(1, Math.round(rect.height || 1)), size.height);
  return { x: within(Math.round(rect.x || 0), size.width - width), y: within(Math.round(rect.y || 0), size.height - height), width, height };
}

const MARGIN = 10;

/** Where a watermark of that size lies, as the agents lay it (agents/_sizes.py, agents/_ffmpeg_edits.py). */
export function placed(position, size, mark) {
  if (position === 'Center') return { x: (size.width - mark.width) / 2, y: (size.height - mark.height) / 2 };
  const room = { x: size.width - mark.width, y: size.height - mark.height };
  const [x, y] = [Math.min(MARGIN, room.x), Math.min(MARGIN, room.y)];
  return { x: position.endsWith('Left') ? x : room.x - x, y: position.startsWith('Top') ? y : room.y - y };
}

/** The place that is nearest to a point. */
export function nearest(point, size) {
  const across = point.x / size.width - 0.5, down = point.y / size.height - 0.5;
  if (Math.abs(across) < 1 / 6 && Math.abs(down) < 1 / 6) return 'Center';
  return `${down < 0 ? 'Top' : 'Bottom'}${across < 0 ? 'Left' : 'Right'}`;
}
