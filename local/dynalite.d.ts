/** The package ships no types. These are the types that local/ uses. */
declare module 'dynalite' {
  import type { Server } from 'node:http';

  export default function createDynalite(options: {
    path?: string;
    createTableMs?: number;
    deleteTableMs?: number;
    updateTableMs?: number;
  }): Server;
}
