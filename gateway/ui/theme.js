// Loaded before the first paint, so that a chosen theme never flashes in the other one. See kit/store.js.
(function () {
  try {
    var chosen = localStorage.getItem('ai:theme');
    if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  } catch (_) { /* storage switched off: the system's theme */ }
})();
