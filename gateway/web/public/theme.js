// Runs before the first paint, so that a chosen theme never flashes in the other one. A file of its own because the
// content security policy allows no inline script. The key and shape are those of src/app/settings.ts.
try {
  const settings = JSON.parse(localStorage.getItem('guanxi.settings') || '{}');
  if (settings.theme === 'light' || settings.theme === 'dark') document.documentElement.style.colorScheme = settings.theme;
  if (settings.language === 'zh') document.documentElement.lang = 'zh-CN';
} catch {
  // Storage that is closed or damaged: the system's theme is a good one.
}
