/** What a language must say to people: a text for every code and every state. The languages are en.ts and zh-cn.ts. Pure. */
import type { FailureCode, ProblemCode, RemarkCode, RetryableFailureCode } from '../domain/errors.ts';
import type { Upload } from '../domain/upload.ts';

export type Catalogue = {
  /** As in `Content-Language`, and for Intl. */
  language: 'en' | 'zh-CN';
  /** Why a call was refused: `title` names the kind of problem, `userMessage` is what an app may show as it is. */
  problems: Record<ProblemCode, { title: string; userMessage: string }>;
  /** Why an upload failed for good, in words for the person who sent the file. */
  failures: Record<FailureCode, string>;
  /** Why an attempt failed without ending the upload. The upload's status says what happens next. */
  retryableFailures: Record<RetryableFailureCode, string>;
  /** What is remarkable about a success. */
  remarks: Record<RemarkCode, string>;
  /** What the work item's comment says of a file that a person sent, or that a producer offered. */
  comment: { ofPerson: string; ofProducer: string };
  /** Where an upload stands. */
  states: Record<Upload['status'], string>;
};

/** The text for the error of an upload; undefined for a code that a newer version has written. */
export function failureIn({ failures, retryableFailures }: Catalogue, code: string): string | undefined {
  const texts: Record<string, string> = { ...retryableFailures, ...failures };
  return Object.hasOwn(texts, code) ? texts[code] : undefined;
}
