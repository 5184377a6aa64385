/** What stands for modules that run on phones alone. */
export const phoneModules = {
  'expo-file-system': 'tests/support/expo-file-system.ts',
  'react-native': 'tests/support/react-native.ts',
} as const;
