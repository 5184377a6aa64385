/**
 * Where the clients are tried: the embedded stack on free ports, its users and work items, and what IPD, storage and
 * the API have in the end. One station serves many trials at the same time, each with a user and a work item of its own.
 */
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { startStack } from '../../local/stack.ts';
import { makeTemporaryDirectory } from '../support/probe-stack.ts';

export type Station = Awaited<ReturnType<typeof startStation>>;

/** What there is of a user's work in the end. */
export type Remains = {
  /** The hashes of the work item's attachments. */
  attachments: { id: string; sha256: string }[];
  uploads: { id: string; status: string }[];
  /** The keys of multipart uploads that are open in storage. */
  openMultiparts: string[];
};

const PROJECT_ID = '0123456789abcdef0123456789abcdef';
const FIRST_ISSUE_ID = 900_000_000_000_000_000n;
/** The origin that API and storage know; the lines give it to the page of each trial, which has its own. */
export const STATION_ORIGIN = 'http://127.0.0.1:1';
/** Below the ports that a system gives to connections. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;
const BUCKET = 'ipd-attachment-bridge-dev-stagingbucket';
const token = z.object({ access_token: z.string() });
const attachments = z.array(z.object({ id: z.string(), issueId: z.string(), sha256: z.string() }));
const uploads = z.object({ uploads: z.array(z.object({ id: z.string(), status: z.string() })) });

/** Starts the stack; `stop` leaves nothing behind. */
export async function startStation({ cacheDirectory }: { cacheDirectory?: string | undefined } = {}) {
  const data = await makeTemporaryDirectory();
  const stack = await startStack({
    ports: 'free',
    dataDirectory: data.path,
    cacheDirectory,
    environment: { ALLOWED_ORIGINS: STATION_ORIGIN, IPD_RATE: '12000' },
  });
  const { urls } = stack;
  const s3 = new S3Client({
    region: 'eu-central-1',
    endpoint: urls.s3Url,
    forcePathStyle: true,
    credentials: stack.credentials,
  });
  let trials = 0;
  const missingIssues: string[] = [];
  const faults: object[] = [];

  async function mint(request: { sub: string; name?: string }): Promise<string> {
    const response = await fetch(urls.tokenUrl, { method: 'POST', body: JSON.stringify(request) });
    return token.parse(await response.json()).access_token;
  }

  async function put(path: string, body: unknown): Promise<void> {
    const response = await fetch(`${urls.ipdAdminUrl}/${path}`, {
      method: 'PUT',
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`The fake IPD answered ${response.status} ${await response.text()}`);
  }

  async function received(issueId: string): Promise<Remains['attachments']> {
    const answer = await fetch(`${urls.ipdAdminUrl}/attachments`);
    return attachments.parse(await answer.json()).filter((attachment) => attachment.issueId === issueId);
  }

  return {
    apiUrl: urls.apiUrl,
    s3Url: urls.s3Url,

    /** A user and a work item that no other trial has. */
    open() {
      trials += 1;
      const number = trials;
      const sub = `user-${number}`;
      const issueId = String(FIRST_ISSUE_ID + BigInt(number));
      return {
        projectId: PROJECT_ID,
        issueId,
        origin: `http://127.0.0.1:${FIRST_PORT + ((process.pid * 97 + number) % PORTS)}`,
        mint: (serial: number) => mint({ sub, name: `Token ${serial}` }),

        /** IPD has no such work item. */
        async removeIssue(): Promise<void> {
          missingIssues.push(issueId);
          await put('settings', { missingIssues });
        },

        /** IPD refuses every file for this work item. */
        async refuseFiles(fault: object): Promise<void> {
          faults.push({ match: { operation: 'upload', issueId }, fault });
          await put('faults', faults);
        },

        received: () => received(issueId),

        async remains(): Promise<Remains> {
          const authorization = `Bearer ${await mint({ sub })}`;
          const answer = await fetch(`${urls.apiUrl}/v1/uploads?limit=100`, { headers: { authorization } });
          const found = uploads.parse(await answer.json()).uploads;
          const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
          const mine = new Set(found.map(({ id }) => `staging/${id}`));
          return {
            attachments: await received(issueId),
            uploads: found.map(({ id, status }) => ({ id, status })),
            openMultiparts: Uploads.map(({ Key = '' }) => Key).filter((key) => mine.has(key)),
          };
        },
      };
    },

    async stop(): Promise<void> {
      s3.destroy();
      await stack.stop();
      await data.remove();
    },
  };
}
