/** What packages/expo uses of React Native. */
export const Platform: { OS: 'ios' | 'android' } = { OS: 'android' };
