// @ts-check
// What a person takes away: rows as CSV, and any file. Import them from `kit/api.js`.

/** Rows as CSV text: the columns are `{key, title, value?}`. Text that a spreadsheet would take for a formula is quoted. */
export function csv(rows, columns) {
  const cell = (value) => {
    let text = value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
    if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => columns.map((one) => cell(one.value ? one.value(row) : row[one.key])).join(','));
  return [columns.map((one) => cell(one.title ?? one.key)).join(','), ...lines].join('\r\n') + '\r\n';
}

/** Give the person a file. */
export function save(name, content, type = 'text/plain') {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
