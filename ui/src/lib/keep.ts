// Things to take out of the page: as a file, on paper.

export function downloadText(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has its own copy once the download has begun.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Prints nothing but the text: the page around it is hidden meanwhile. */
export function printText(title: string, text: string): void {
  const sheet = document.createElement('pre');
  sheet.className = 'ss-print';
  sheet.textContent = text;
  const before = document.title;
  document.body.append(sheet);
  document.title = title;
  const clean = () => {
    sheet.remove();
    document.title = before;
    window.removeEventListener('afterprint', clean);
  };
  window.addEventListener('afterprint', clean);
  window.print();
}
