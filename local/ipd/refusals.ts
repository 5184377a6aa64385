/** What the settings of the fake IPD make it refuse for any kind of row: the work item, the caller, a text. Pure. */
import { gatewayRefusal, invalidParameter, serviceRefusal } from './replies.ts';
import type { Settings } from './settings.ts';
import type { Operation, Reply, WorkItem } from './types.ts';

/** The actions that the pages of these operations require: as documented, though the pairs seem accidental. */
const ACTIONS: Partial<Record<Operation, string>> = {
  linkCreate: 'codeartsreq:workitem:list',
  linkList: 'codeartsreq:configuration:get',
  linkUpdate: 'codeartsreq:workitem:update',
  linkDelete: 'codeartsreq:plan:delete',
};

/** Why a work item takes no request at all; undefined when it does. */
export function workItemRefusal(settings: Settings, { projectId, issueId }: WorkItem): Reply | undefined {
  if (!/^[A-Za-z0-9]{32}$/.test(projectId)) return invalidParameter('project_id');
  if (!/^[0-9]{18,19}$/.test(issueId)) return invalidParameter('issue_id');
  if (settings.projects?.includes(projectId) === false) {
    return serviceRefusal('PM.02152005', 'The project does not exist or was deleted.');
  }
  if (settings.missingIssues.includes(issueId)) {
    return serviceRefusal('PM.02175104', 'The work item does not exist.');
  }
  if (settings.forbiddenIssues.includes(issueId)) return serviceRefusal('PM.02174103', 'No permission.');
  return undefined;
}

/** The refusal of an identity policy that does not allow what an operation does. */
export function policyRefusal(settings: Settings, operation: Operation): Reply | undefined {
  if (!settings.forbiddenOperations.includes(operation)) return undefined;
  const action = ACTIONS[operation] ?? operation;
  return gatewayRefusal(403, '0302', `Policy doesn't allow ${action} to be performed.`);
}

/** Four-byte characters, which CodeArts Req refuses in its texts; `what` has them. */
export function emojiRefusal(
  settings: Settings,
  { what, text }: { what: string; text: string },
): Reply | undefined {
  if (!settings.rejectEmoji || !/[\u{10000}-\u{10FFFF}\p{Surrogate}]/u.test(text)) return undefined;
  return serviceRefusal('PM.02101004', `The ${what} holds characters of four bytes.`);
}
