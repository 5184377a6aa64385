/** The package ships no types. Only what local/ uses is declared. */
declare module 'dynalite' {
  import type { Server } from 'node:http';

  export default function createDynalite(options: {
    path?: string;
    createTableMs?: number;
    deleteTableMs?: number;
    updateTableMs?: number;
  }): Server;
}
