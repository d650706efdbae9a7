// Runs before the page is drawn, so that it is never drawn in the other theme first. It imports nothing, because the
// browser waits for it.
{
  const theme = localStorage.getItem('livebalance.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
}
