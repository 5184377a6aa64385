/** The texts for people in English. Data only. */
import type { Catalogue } from './catalogue.ts';

const APP_AT_FAULT =
  'The app sent a request that the service does not understand. Tell the maker of the app.';

export const en: Catalogue = {
  language: 'en',

  problems: {
    invalid_request: {
      title: 'The request is not valid',
      userMessage:
        'The file or the work item is not accepted. Check the name of the file, and that it is not empty.',
    },
    invalid_json: { title: 'The body is not JSON', userMessage: APP_AT_FAULT },
    invalid_form: { title: 'The form is not what the upload route takes', userMessage: APP_AT_FAULT },
    ticket_invalid: {
      title: 'The upload session is unknown or over: ask for a new one',
      userMessage: 'This upload session is over. Reload the page and add the file again.',
    },
    no_subject: {
      title: 'The token names no user',
      userMessage: 'The service does not accept your sign-in. Sign in again.',
    },
    project_forbidden: {
      title: 'You may not upload to this project',
      userMessage: 'You may not attach files in this project.',
    },
    ipd_forbidden: {
      title: 'The bridge may not attach files to this work item',
      userMessage:
        'IPD does not let this service attach files to this work item. Please tell your administrator.',
    },
    not_found: {
      title: 'There is nothing here',
      userMessage: 'There is nothing here, or not any more.',
    },
    work_item_missing: {
      title: 'The work item or its project does not exist',
      userMessage: 'This work item does not exist in IPD. Check the project and the work item.',
    },
    work_item_full: {
      title: 'The work item holds as many attachments as it can',
      userMessage: 'The work item has as many attachments as IPD allows. Remove some, or use another one.',
    },
    upload_state_conflict: {
      title: 'The upload is in a state that does not allow this',
      userMessage:
        'That is not possible any more, since the upload has changed. Reload to see how it stands.',
    },
    upload_incomplete: {
      title: 'Storage does not have the whole file',
      userMessage: 'The file has not been uploaded completely. Try again.',
    },
    file_too_large: {
      title: 'The file is larger than allowed',
      userMessage: 'The file is too large to be attached.',
    },
    unsupported_media_type: { title: 'The body has the wrong media type', userMessage: APP_AT_FAULT },
    idempotency_key_reused: {
      title: 'The Idempotency-Key was used for another request',
      userMessage: 'The upload cannot go on with this file. Add the file again.',
    },
    too_many_open_uploads: {
      title: 'You have too many unfinished uploads',
      userMessage: 'You have too many unfinished uploads. Let some of them end, or cancel them.',
    },
    rate_limited: {
      title: 'That is more than is taken within a minute',
      userMessage: 'That was too fast. Try again in a moment.',
    },
    scan_refused: {
      title: 'The scan for malware did not pass the file',
      userMessage: 'The scan for malware did not pass the file. It was not attached.',
    },
    delivery_failed: {
      title: 'IPD did not take the file',
      userMessage: 'The file could not be attached to the work item.',
    },
    internal: {
      title: 'Something went wrong on our side',
      userMessage: 'The service has failed. Try again later.',
    },
    unavailable: {
      title: 'A service we depend on does not answer',
      userMessage: 'The service is not available at the moment. Try again later.',
    },
  },

  failures: {
    size_mismatch: 'The stored file does not have the size that was agreed.',
    checksum_mismatch: 'The stored file does not have the declared SHA-256.',
    staged_file_missing: 'The stored file is gone; upload it again.',
    staged_file_changed: 'The stored file was replaced after it had been accepted; upload it again.',
    work_item_missing: 'The work item or its project does not exist in IPD.',
    work_item_full: 'The work item already holds as many attachments as IPD allows.',
    ipd_forbidden: 'IPD does not let the bridge account attach files to this work item.',
    link_forbidden: 'IPD does not let the bridge account add links to this work item.',
    too_large_for_ipd: 'The file is larger than the IPD gateway takes.',
    name_refused: 'IPD does not accept the file name.',
    ipd_refused: 'IPD refused the file.',
    outcome_unknown:
      'IPD may have the file, and the bridge cannot find out: check the work item before you send the file again.',
    retries_exhausted: 'The file could not be delivered to IPD for so long that we stopped trying.',
    scan_refused: 'The scan for malware did not pass the file; it was not sent to IPD.',
    scan_timed_out:
      'The scan for malware said nothing for so long that we stopped waiting; the file was not sent to IPD.',
    ingest_malformed:
      'The key, the metadata or the message of the producer has not the form that it must have.',
    ingest_project_closed: 'The project is not open for ingestion.',
    ingest_too_large: 'The file is larger than the bridge takes.',
    ingest_empty: 'The file is empty, and an empty file cannot be attached.',
    ingest_source_missing: 'The object is not there, or not any more; offer it again.',
    ingest_source_forbidden: 'The bridge may not read the object.',
    ingest_source_replaced:
      'The object was replaced before it was copied; the new one is an upload of its own.',
    ingest_request_reused: 'The requestId belongs to another request; take a new one.',
  },

  retryableFailures: {
    ipd_unavailable: 'IPD did not take the file; it is tried again.',
    ipd_throttled: 'IPD asks for fewer requests; it is tried again.',
    storage_unavailable: 'The stored file could not be read; it is tried again.',
    lease_lost: 'The delivery was interrupted before IPD had the file; it is tried again.',
    ipd_paused: 'IPD does not answer, or does not accept our credentials; all deliveries wait until it does.',
    work_item_busy: 'Another upload of the same size to this work item comes first.',
    answer_lost: 'IPD may have the file: its answer was lost. IPD is checked before anything is sent again.',
    id_missing: 'IPD has the file but did not say under which id; the bridge searches for it.',
    scan_pending: 'The file has not been scanned for malware yet; it is sent when it has.',
  },

  remarks: {
    attachment_id_unknown:
      'IPD has the file but did not say under which id, and its list did not show it in time.',
  },

  comment: {
    ofPerson: '{by} uploaded {filename} ({at}).',
    ofProducer: 'A program uploaded {filename} ({at}).',
  },

  states: {
    awaiting_upload: 'waits for the file',
    staged: 'uploaded, next is IPD',
    delivering: 'on its way to IPD',
    waiting: 'waits for its next attempt',
    unconfirmed: 'in doubt, IPD is checked',
    delivered: 'attached',
    failed: 'failed',
    expired: 'expired',
    cancelled: 'cancelled',
    removed: 'removed',
  },
};
