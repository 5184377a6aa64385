/**
 * IPD without faults: upload, list and download, with their limits and refusals. The request is authenticated already.
 * The calling function applies the faults, except those that change how a file is kept.
 */
import type { createAttachments } from './attachments.ts';
import type { BlobWriter, Blobs } from './blobs.ts';
import type { Body } from './body.ts';
import type { Plan } from './faults.ts';
import { receiveForm, type ReceivedFile } from './form.ts';
import { emojiRefusal, workItemRefusal } from './refusals.ts';
import {
  failedWithin200,
  invalidParameter,
  otherElements,
  LIST_LIMIT,
  listElement,
  serviceRefusal,
  success,
  uploadElement,
} from './replies.ts';
import type { Settings } from './settings.ts';
import type { Attachment, Done, Element, Reply, WorkItem } from './types.ts';

type UploadCall = WorkItem & {
  settings: Settings;
  plan: Plan;
  body: Body;
  formType: string;
  /** Checks size and signature after the body was read. */
  verify: () => Reply | undefined;
};

/** The operations on a store of attachments. */
export function createOperations({
  attachments,
  blobs,
}: {
  attachments: ReturnType<typeof createAttachments>;
  blobs: Blobs;
}) {
  /** Reads the whole form and keeps its files, unless they are refused or the plan says otherwise. */
  async function upload(call: UploadCall): Promise<Done> {
    const { settings, plan, body, projectId, issueId } = call;
    const writers: BlobWriter[] = [];
    const openWriter = async (): Promise<BlobWriter> => {
      const writer = await blobs.create();
      writers.push(writer);
      return writer;
    };
    let isKept = false;
    try {
      const form = await receiveForm({ contentType: call.formType, body, openWriter });
      await body.drain();
      const unsettled = call.verify();
      if (unsettled !== undefined) return { reply: unsettled, isRefused: true };
      if ('problem' in form) return { reply: invalidParameter(form.problem), isRefused: true };
      const refusal =
        workItemRefusal(settings, call) ??
        form.files.map((file) => fileRefusal(settings, call, file)).find((one) => one !== undefined);
      if (refusal !== undefined) return { reply: refusal, isRefused: true };

      const about = { held: () => held(settings, call), frame: success };
      if (!plan.isStored) return { reply: success(null), named: [], ...about };
      isKept = true;
      await Promise.all(writers.map((writer) => writer.keep()));
      const timing = {
        afterSeconds: plan.storedAfterSeconds,
        listDelaySeconds: plan.listDelaySeconds || settings.listDelaySeconds,
      };
      const keep = (): Attachment[] =>
        form.files.map(({ writer, ...file }) =>
          attachments.add({ projectId, issueId, ...file, blob: writer.key }, timing),
        );
      const added = keep();
      for (let copy = 1; copy < plan.copies; copy += 1) keep();
      const elements = added.map((attachment) => uploadElement(attachment, settings.fileSizeAs));
      const [attachment] = added;
      const reply = success(settings.uploadResult === 'null' ? null : elements);
      return { reply, named: elements.slice(0, 1), ...(attachment && { size: attachment.size }), ...about };
    } finally {
      if (!isKept) await Promise.all(writers.map((writer) => writer.discard()));
    }
  }

  function list(settings: Settings, { projectId, issueId }: WorkItem): Done {
    const refusal = workItemRefusal(settings, { projectId, issueId });
    if (refusal !== undefined) return { reply: refusal };
    const { fileSizeAs } = settings;
    const own = attachments.visible({ projectId, issueId }).map((one) => listElement(one, fileSizeAs));
    const filling = settings.fullIssues.includes(issueId) ? LIST_LIMIT - own.length : 0;
    const others = otherElements({ count: Math.max(0, filling), issueId, fileSize: 1, fileSizeAs });
    const named = [...others, ...own].slice(0, LIST_LIMIT);
    return {
      reply: success(named),
      named,
      held: () => held(settings, { projectId, issueId }),
      frame: success,
    };
  }

  function download({ projectId, attachmentId }: { projectId: string; attachmentId: string }): Reply {
    const attachment = attachments.find(attachmentId);
    if (attachment?.projectId !== projectId) return serviceRefusal('PM.02174103', 'No permission.');
    const name = encodeURIComponent(attachment.filename);
    return {
      status: 200,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(attachment.size),
        'content-disposition': `attachment; filename*=UTF-8''${name}`,
      },
      chunks: attachments.read(attachment),
    };
  }

  /** Huawei documents no code for a file or a work item beyond its limit, only the `error` of the API page. */
  function fileRefusal(settings: Settings, item: WorkItem, file: ReceivedFile): Reply | undefined {
    const { maxFileBytes, maxAttachmentsPerIssue, maxNameLength } = settings;
    if (maxNameLength !== null && Array.from(file.filename).length > maxNameLength) {
      return invalidParameter('filename');
    }
    const emoji = emojiRefusal(settings, { what: 'name', text: file.filename });
    if (emoji !== undefined) return emoji;
    if (maxFileBytes !== null && file.size > maxFileBytes) {
      return failedWithin200('error', `The file is larger than ${maxFileBytes} bytes.`);
    }
    const isFull =
      settings.fullIssues.includes(item.issueId) ||
      (maxAttachmentsPerIssue !== null && attachments.countAt(item) >= maxAttachmentsPerIssue);
    return isFull ? failedWithin200('error', 'The number of attachments has reached its limit.') : undefined;
  }

  /** Each attachment in the form in which an upload answers it, the oldest first. */
  function held(settings: Settings, item: WorkItem): Element[] {
    return attachments.visible(item).map((one) => uploadElement(one, settings.fileSizeAs));
  }

  return { upload, list, download };
}
