/**
 * The plugin's suite once more, in a stack without public routes (PUBLIC_ROUTES=off): every request of the page to the API
 * then needs the user's token, preflights are answered by the gateway, and stock Uppy has no session to open.
 */
process.env['PUBLIC_ROUTES'] = 'off';
await import('./plugin.browser.ts');
