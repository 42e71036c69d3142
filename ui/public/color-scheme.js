// Sets the colour scheme before the first paint. A file of its own, because the
// content security policy allows no inline scripts.
(function () {
  var stored = null;
  try {
    stored = window.localStorage.getItem('streamspace-color-scheme');
  } catch (e) {
    // Storage may be forbidden; the system's preference serves then.
  }
  var dark =
    stored === 'dark' || (stored !== 'light' && window.matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
