// The page that explains the API: its colours, its search, and opening what a link points at.
// Everything can be read without it.
(function () {
  'use strict';
  const KEY = 'streamspace-color-scheme'; // the web application's choice
  const root = document.documentElement;

  function stored() {
    try {
      return window.localStorage.getItem(KEY);
    } catch {
      return null; // storage may be forbidden; the system's preference serves then
    }
  }

  const chosen = stored();
  if (chosen === 'light' || chosen === 'dark') root.dataset.scheme = chosen;
  const isDark = () =>
    root.dataset.scheme ? root.dataset.scheme === 'dark' : window.matchMedia('(prefers-color-scheme: dark)').matches;

  function schemeButton() {
    const button = document.getElementById('scheme');
    const label = () => (button.textContent = isDark() ? 'Light' : 'Dark');
    button.hidden = false;
    button.addEventListener('click', () => {
      root.dataset.scheme = isDark() ? 'light' : 'dark';
      try {
        window.localStorage.setItem(KEY, root.dataset.scheme);
      } catch {
        // For this page only, then.
      }
      label();
    });
    label();
  }

  /** Opens what the address points at, with the keyboard's place in it. */
  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden) search('');
    if (target.localName === 'details') target.open = true;
    target.scrollIntoView();
  }

  let entries = [];

  /** Shows the entries that hold every word. */
  function search(text) {
    const input = document.getElementById('search');
    if (input.value !== text) input.value = text;
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const entry of entries) {
      const fits = words.every((word) => entry.text.includes(word));
      entry.element.hidden = !fits;
      if (entry.link) entry.link.hidden = !fits;
      found += fits;
    }
    for (const part of document.querySelectorAll('.part, nav section'))
      part.hidden = !part.querySelector('details:not([hidden]), li:not([hidden])');
    document.querySelector('.intro').hidden = words.length > 0;
    document.getElementById('found').textContent =
      words.length === 0 ? '' : found === 0 ? 'Nothing of that name' : found === 1 ? '1 entry' : `${found} entries`;
  }

  document.addEventListener('DOMContentLoaded', () => {
    entries = Array.from(document.querySelectorAll('main details'), (element) => ({
      element,
      text: `${element.id} ${element.textContent}`.toLowerCase(),
      link: document.querySelector(`nav a[href="#${element.id}"]`)?.closest('li'),
    }));
    schemeButton();
    const input = document.getElementById('search');
    input.addEventListener('input', () => search(input.value));
    document.addEventListener('keydown', (event) => {
      if (event.key === '/' && document.activeElement !== input && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        input.focus();
      } else if (event.key === 'Escape' && document.activeElement === input) search('');
    });
    document.addEventListener('click', (event) => {
      // The same link again points there again.
      const link = event.target.closest('a[href^="#"]');
      if (link && link.hash === location.hash) openTarget();
    });
    window.addEventListener('hashchange', openTarget);
    if (location.hash) openTarget();
  });
})();
