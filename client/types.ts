/**
 * The resources of the HTTP API as they travel: what the server answers and what the client sends.
 * Statuses are open for extension, so anything unknown counts as "not final yet".
 */

export type Upload = {
  id: string;
  /** awaiting_upload, staged, delivering, waiting, unconfirmed; final: delivered, failed, expired, cancelled. */
  status: string;
  projectId: string;
  issueId: string;
  filename: string;
  contentType: string;
  size: number;
  sha256?: string;
  createdAt: string;
  updatedAt: string;
  uploadDeadline: string;
  staging: Staging;
  delivery: { attempts: number; bytesSent: number; nextAttemptAt?: string };
  attachment: { id: string | null } | null;
  error: { code: string; message: string; retryable: boolean; at: string } | null;
};

/** `url`, `method` and `headers` are there while storage awaits the file: send these headers, nothing else. */
export type Staging = {
  mode: string;
  bytesStored: number;
  method?: string;
  url?: string;
  headers?: Record<string, string>;
  expiresInSeconds?: number;
};

export type NewUpload = {
  projectId: string;
  issueId: string;
  filename: string;
  contentType: string;
  size: number;
  /** Of the whole file, in hex. When declared, storage refuses other bytes. */
  sha256?: string;
};

/** What the API accepts; `maxFileBytes` is what to check before the user pays for data. */
export type Limits = { maxFileBytes: number; stagingUrlTtlSeconds?: number; uploadDeadlineSeconds?: number };

/** The staging leg ends when storage has the file, the delivery leg when IPD has it. */
export type Progress = { leg: 'staging' | 'delivery'; bytes: number; total: number };

const FINAL = new Set(['delivered', 'failed', 'expired', 'cancelled']);

/** Whether nothing more will happen to the upload by itself. */
export function isFinal(upload: Upload): boolean {
  return FINAL.has(upload.status);
}

/** Tells an upload from whatever else may answer with 200, such as a captive portal. */
export function isUpload(value: unknown): value is Upload {
  return (
    isObject(value) &&
    typeof value['id'] === 'string' &&
    typeof value['status'] === 'string' &&
    isObject(value['staging']) &&
    isObject(value['delivery'])
  );
}

export function isLimits(value: unknown): value is Limits {
  return isObject(value) && typeof value['maxFileBytes'] === 'number';
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
