/**
 * Checks an answer before the client relies on it. Checks only members that the client needs: an answer
 * may have more.
 */
import type { Limits, Problem, Upload, UploadPage } from './types.ts';

const FINAL = /^(delivered|failed|expired|cancelled|removed)$/;

/** Whether nothing more will happen to the upload by itself. */
export function isFinal(upload: Upload): boolean {
  return FINAL.test(upload.status);
}

/** Tells an upload from other answers with status 200, such as a captive portal's page. */
export function isUpload(value: unknown): value is Upload {
  return (
    isObject(value) &&
    typeof value['id'] === 'string' &&
    typeof value['status'] === 'string' &&
    isObject(value['staging']) &&
    isObject(value['delivery'])
  );
}

export function isUploadPage(value: unknown): value is UploadPage {
  return isObject(value) && Array.isArray(value['uploads']) && value['uploads'].every(isUpload);
}

export function isLimits(value: unknown): value is Limits {
  return isObject(value) && typeof value['maxFileBytes'] === 'number';
}

/** Tells our own refusals from those of the gateway before them. */
export function isProblem(value: unknown): value is Problem {
  return isObject(value) && typeof value['code'] === 'string' && typeof value['detail'] === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
