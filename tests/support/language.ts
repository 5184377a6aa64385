/** Runs before each test file: tests read English on a machine of any language. */

process.env['LC_ALL'] = 'en_US.UTF-8';
Object.defineProperty(navigator, 'languages', { value: ['en-US'], configurable: true });
