/**
 * The whole product on free ports as the browser tests see it: a browser to visit its test bench with, and the admin
 * interfaces that show the real state of IPD and storage.
 */
import { ListMultipartUploadsCommand, PutBucketCorsCommand, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { startGateway } from '../../local/gateway/server.ts';
import { createBench } from '../../local/gateway/bench.ts';
import { startStack } from '../../local/stack.ts';
import { createLogCollector, makeTemporaryDirectory } from '../support/probe-stack.ts';
import { launchBrowser, newContext, visit } from './visit.ts';
import type { Visit, VisitOptions } from './visit.ts';

export type BrowserStack = Awaited<ReturnType<typeof startBrowserStack>>;

const WORK_ITEM = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };
const BUCKET = 'ipd-attachment-bridge-dev-stagingbucket';
const attachments = z.array(
  z.object({
    id: z.string(),
    issueId: z.string(),
    filename: z.string(),
    size: z.number(),
    sha256: z.string(),
  }),
);
const links = z.array(z.object({ id: z.string(), title: z.string(), url: z.string() }));
const token = z.object({ access_token: z.string() });
const uploads = z.object({
  uploads: z.array(z.object({ id: z.string(), filename: z.string(), status: z.string() })),
});

/** Starts everything; `stop` leaves nothing behind. */
export async function startBrowserStack(environment: Record<string, string> = {}) {
  const browser = await launchBrowser();
  const data = await makeTemporaryDirectory();
  const logs = createLogCollector();
  const settings = { ports: 'free', dataDirectory: data.path, environment, onLog: logs.log } as const;
  const stack = await startStack(settings).catch(async (error: unknown) => {
    await browser.close();
    throw error;
  });
  const { urls } = stack;
  const s3 = new S3Client({
    region: 'eu-central-1',
    endpoint: urls.s3Url,
    forcePathStyle: true,
    credentials: stack.credentials,
  });

  async function mint(sub: string): Promise<string> {
    const answer = await fetch(urls.tokenUrl, { method: 'POST', body: JSON.stringify({ sub }) });
    return token.parse(await answer.json()).access_token;
  }

  async function ask(sub: string, method: string, body?: object): Promise<Response> {
    const authorization = `Bearer ${await mint(sub)}`;
    return fetch(`${urls.apiUrl}/v1/uploads`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  return {
    urls,
    browser,

    /** Opens the bench, its own unless it is served from elsewhere. */
    visit: ({
      origin = urls.apiUrl,
      ...options
    }: Partial<VisitOptions> & Pick<VisitOptions, 'version'>): Promise<Visit> =>
      visit(browser, { origin, ...options }),

    mint,
    /** A browser without a memory, for the pages of other apps. */
    context: () => newContext(browser),

    /** Lets pages of this origin alone send files to storage. */
    async allowInStorage(origin: string): Promise<void> {
      const rule = { AllowedOrigins: [origin], AllowedMethods: ['PUT', 'POST'], AllowedHeaders: ['*'] };
      await s3.send(new PutBucketCorsCommand({ Bucket: BUCKET, CORSConfiguration: { CORSRules: [rule] } }));
    },

    async received() {
      return attachments.parse(await (await fetch(`${urls.ipdAdminUrl}/attachments`)).json());
    },

    async links() {
      return links.parse(await (await fetch(`${urls.ipdAdminUrl}/links`)).json());
    },

    /** Has IPD misbehave as the fake's faults say. */
    async faults(faults: object[]): Promise<void> {
      await fetch(`${urls.ipdAdminUrl}/faults`, { method: 'PUT', body: JSON.stringify(faults) });
    },

    /** A user's uploads, as the API lists them. */
    async uploadsOf(sub: string) {
      return uploads.parse(await (await ask(sub, 'GET')).json()).uploads;
    },

    /** An upload that a user has begun somewhere else. */
    async begin(sub: string, filename: string): Promise<void> {
      const response = await ask(sub, 'POST', {
        ...WORK_ITEM,
        filename,
        contentType: 'text/plain',
        size: 10,
      });
      if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    },

    /** The multipart uploads that are open in storage. */
    async openMultiparts(): Promise<string[]> {
      const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
      return Uploads.map(({ Key = '' }) => Key);
    },

    async stop(): Promise<void> {
      await browser.close();
      s3.destroy();
      await stack.stop();
      await data.remove();
    },
  };
}

/** The same bench from an origin of its own. */
export async function startElsewhere() {
  const gateway = await startGateway({ port: 0 });
  return {
    url: gateway.url,
    close: gateway.close,
    serve(settings: { apiUrl: string; tokenUrl: string; ipdAdminUrl: string }): void {
      const unused = { routes: [], authorizers: {}, cors: undefined, invoke: async () => '{}' };
      gateway.serve({ ...unused, page: createBench(settings) });
    },
  };
}
