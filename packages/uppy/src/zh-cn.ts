/** What the plugin says to people in Simplified Chinese, beside Uppy's own zh_CN: `locale: chinese`. */
import type { STRINGS } from './strings.ts';

const strings: Record<keyof typeof STRINGS, string> = {
  alreadyAttached: '“%{file}”之前已添加，未重复上传',
  alreadyLinked: '工作项之前已有“%{file}”的链接，未重复上传',
  attachmentGone: '此文件之前已添加，但IPD中已无此附件。点击重试可再次添加。',
  cancelled: '上传任务已在其他位置取消',
  delivering: '正在添加到工作项',
  expired: '文件未在期限内上传完成',
  failed: '文件未能添加为附件',
  fileUnavailable: '文件已不可用，请移除后重新选择',
  linking: '此文件无法作为附件，正在将链接添加到工作项',
  removed: '工作项中该文件的链接已被删除',
  remoteFile: '不支持其他服务中的文件，请下载后从本设备选择',
  staged: '已上传，等待添加到工作项',
  stalledBusy: '服务繁忙，稍后自动继续上传',
  stalledOffline: '网络已断开，恢复后自动继续上传',
  stalledSilent: '服务无响应，恢复后自动继续上传',
  tooLate: '“%{file}”已无法取消，工作项可能已收到此文件',
  unconfirmed: '正在核对工作项是否已收到',
  unseen: '正在添加到工作项，暂时无法获取状态',
  waiting: 'IPD暂不可用，稍后自动重试',
  workItemUnnamed: '未指定工作项，缺少projectId或issueId',
};

export const chinese = { strings };
