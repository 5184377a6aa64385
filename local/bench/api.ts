/**
 * The HTTP contract as the page uses it. One function sends requests and turns refusals into texts; a schema checks
 * every answer.
 */
import * as z from 'zod';

// Without this, zod generates code, which the content security policy does not allow.
z.config({ jitless: true });

export type Api = ReturnType<typeof createApi>;
export type Upload = z.infer<typeof uploadSchema>;
export type Session = z.infer<typeof sessionSchema>;

export interface Order {
  projectId: string;
  issueId: string;
  files: { name: string; size: number; type: string }[];
}

const uploadSchema = z.object({
  id: z.string(),
  status: z.string(),
  projectId: z.string(),
  issueId: z.string(),
  filename: z.string(),
  size: z.number().nullable(),
  createdAt: z.string(),
  staging: z.object({ mode: z.string(), bytesStored: z.number() }),
  delivery: z.object({
    endsAs: z.string(),
    attempts: z.number(),
    bytesSent: z.number(),
    nextAttemptAt: z.string().optional(),
  }),
  attachment: z.object({ id: z.string().nullish(), reason: z.string().nullish() }).nullable(),
  link: z.object({ id: z.string(), url: z.string(), expiresAt: z.string() }).nullable(),
  error: z
    .object({ code: z.string(), message: z.string(), detail: z.string().optional(), retryable: z.boolean() })
    .nullable(),
});
const pageSchema = z.object({ uploads: z.array(uploadSchema), nextCursor: z.string().nullable() });
const sessionSchema = z.object({ companionEndpoint: z.string(), expiresInSeconds: z.number() });
const limitsSchema = z.object({ maxFileBytes: z.number() });

/** The problem documents of the API and the gateway's `{message}`. */
const problemSchema = z.object({
  code: z.string().optional(),
  detail: z.string().optional(),
  message: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});

/** A refusal with the API's own text. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: string | undefined;
  /** The places of the request that are at fault, as JSON pointers. */
  readonly pointers: string[];

  constructor(status: number, problem: z.infer<typeof problemSchema>) {
    const places = problem.errors ?? [];
    const words = problem.detail ?? problem.message ?? `The server answered ${status}`;
    const others = places
      .map(({ pointer, detail }) => `${pointer} ${detail}`)
      .filter((place) => !words.includes(place));
    super([words, ...others].join(' · '));
    this.status = status;
    this.code = problem.code;
    this.pointers = places.map(({ pointer }) => pointer);
  }
}

/** The calls of the page; each first calls `token`. They throw Refusal, or TypeError when no server answers. */
export function createApi({ apiUrl, token }: { apiUrl: string; token: () => Promise<string> }) {
  async function request(call: string, headers: Record<string, string> = {}, json?: object) {
    const [method = '', path = ''] = call.split(' ');
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      cache: 'no-store',
      headers: {
        ...headers,
        authorization: `Bearer ${await token()}`,
        ...(json !== undefined && { 'content-type': 'application/json' }),
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    if (response.ok || response.status === 304) return response;
    throw await toRefusal(response);
  }
  const upload = async (response: Response): Promise<Upload> => uploadSchema.parse(await response.json());
  const at = (id: string): string => `/v1/uploads/${encodeURIComponent(id)}`;

  return {
    async list(filter: { state?: 'open'; cursor?: string }) {
      const query = new URLSearchParams({ limit: '10', ...filter });
      return pageSchema.parse(await (await request(`GET /v1/uploads?${query}`)).json());
    },

    /** The upload, unless it still has this `etag`, and the seconds until the next poll. */
    async poll(id: string, etag: string | undefined) {
      const response = await request(`GET ${at(id)}`, etag === undefined ? {} : { 'if-none-match': etag });
      return {
        upload: response.status === 304 ? undefined : await upload(response),
        etag: response.headers.get('etag') ?? undefined,
        retryAfterSeconds: Number(response.headers.get('retry-after') ?? 0),
      };
    },

    cancel: async (id: string) => upload(await request(`DELETE ${at(id)}`)),
    retry: async (id: string) => upload(await request(`POST ${at(id)}/retry`)),
    limits: async () => limitsSchema.parse(await (await request('GET /v1/limits')).json()),

    /** A ticket for Uppy: the endpoint that takes these files for this work item. */
    openSession: async (order: Order): Promise<Session> =>
      sessionSchema.parse(await (await request('POST /v1/uppy-sessions', {}, order)).json()),
  };
}

/** Whether the API still accepts a ticket; the request for it changes nothing. */
export async function isHonoured(companionEndpoint: string): Promise<boolean> {
  const noUpload = '00000000-0000-4000-8000-000000000000';
  const response = await fetch(`${companionEndpoint}/s3/multipart/${noUpload}?key=staging/${noUpload}`);
  return response.status !== 401;
}

async function toRefusal(response: Response): Promise<Refusal> {
  const text = await response.text();
  try {
    return new Refusal(response.status, problemSchema.parse(JSON.parse(text)));
  } catch {
    return new Refusal(response.status, {});
  }
}
