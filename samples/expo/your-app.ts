/** What an app has of its own. */
export const session: { freshToken(): Promise<string> } = {
  freshToken: () => Promise.reject(new Error('Sign in first')),
};

export function show(key: string, text: string): void {
  console.log(key, text);
}
