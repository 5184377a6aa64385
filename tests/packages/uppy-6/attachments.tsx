// The component of the documentation.
import { useState } from 'react';
import Uppy from '@uppy/core';
import type { Meta } from '@uppy/core';
import { useUppyEvent } from '@uppy/react';
import Dashboard from '@uppy/react/dashboard';
import IpdAttachment from '@ipd-attachment-bridge/uppy';
import type { IpdAttachmentOptions, Upload } from '@ipd-attachment-bridge/uppy';

type Props = IpdAttachmentOptions & { onAttached: (attachment: Upload['attachment'] | undefined) => void };

export function Attachments({ onAttached, ...options }: Props) {
  const [uppy] = useState(() => new Uppy<Meta, Upload>().use(IpdAttachment, options));
  useUppyEvent(uppy, 'upload-success', (_file, { body }) => onAttached(body?.attachment));
  return <Dashboard uppy={uppy} />;
}
