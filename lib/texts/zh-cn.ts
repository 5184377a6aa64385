/** The texts for people in Simplified Chinese, with the terms of Huawei's own pages. Data only. */
import type { Catalogue } from './catalogue.ts';

const APP_AT_FAULT = '应用发送的请求有误，请联系应用的提供方。';

export const zhCn: Catalogue = {
  language: 'zh-CN',

  problems: {
    invalid_request: {
      title: '请求参数无效',
      userMessage: '文件或工作项信息不符合要求，请检查文件名是否正确、文件是否为空。',
    },
    invalid_json: { title: '请求体不是有效的JSON', userMessage: APP_AT_FAULT },
    invalid_form: { title: '上传表单不符合要求', userMessage: APP_AT_FAULT },
    ticket_invalid: {
      title: '上传会话不存在或已过期，请重新获取',
      userMessage: '上传会话已过期，请刷新页面后重新添加文件。',
    },
    no_subject: { title: 'Token中没有用户信息', userMessage: '登录信息无效，请重新登录。' },
    project_forbidden: {
      title: '没有该项目的上传权限',
      userMessage: '没有权限在该项目中上传附件。',
    },
    ipd_forbidden: {
      title: '服务账号没有权限向该工作项添加附件',
      userMessage: '服务账号没有权限向该工作项添加附件，请联系管理员。',
    },
    not_found: { title: '请求的资源不存在', userMessage: '内容不存在，或已被清除。' },
    work_item_missing: {
      title: '工作项或所属项目不存在',
      userMessage: 'IPD中不存在该工作项，请检查项目和工作项是否正确。',
    },
    work_item_full: {
      title: '工作项的附件数量已达上限',
      userMessage: '该工作项的附件数量已达上限，请删除不需要的附件或更换工作项。',
    },
    upload_state_conflict: {
      title: '当前上传状态不支持此操作',
      userMessage: '上传状态已变化，无法执行此操作，请刷新后查看。',
    },
    upload_incomplete: { title: '文件未上传完整', userMessage: '文件未上传完整，请重试。' },
    file_too_large: { title: '文件大小超过上限', userMessage: '文件过大，无法作为附件上传。' },
    unsupported_media_type: { title: '不支持该请求体类型', userMessage: APP_AT_FAULT },
    idempotency_key_reused: {
      title: 'Idempotency-Key已被其他请求使用',
      userMessage: '无法用此文件继续上传，请重新添加文件。',
    },
    too_many_open_uploads: {
      title: '未完成的上传任务过多',
      userMessage: '未完成的上传任务过多，请等待部分任务完成或取消部分任务后再试。',
    },
    rate_limited: { title: '请求过于频繁', userMessage: '操作过于频繁，请稍后重试。' },
    scan_refused: {
      title: '文件未通过恶意软件扫描',
      userMessage: '文件未通过恶意软件扫描，未添加为附件。',
    },
    delivery_failed: { title: 'IPD未接收文件', userMessage: '文件未能添加到工作项。' },
    internal: { title: '服务内部错误', userMessage: '服务异常，请稍后重试。' },
    unavailable: { title: '依赖的服务无响应', userMessage: '服务暂时不可用，请稍后重试。' },
  },

  failures: {
    size_mismatch: '存储中的文件大小与声明的不一致。',
    checksum_mismatch: '存储中的文件SHA-256值与声明的不一致。',
    staged_file_missing: '暂存的文件已不存在，请重新上传。',
    staged_file_changed: '暂存的文件在接收后被替换，请重新上传。',
    work_item_missing: 'IPD中不存在该工作项或其所属项目。',
    work_item_full: '该工作项的附件数量已达IPD上限。',
    ipd_forbidden: '服务账号在IPD中没有权限向该工作项添加附件。',
    link_forbidden: '服务账号在IPD中没有权限向该工作项添加链接。',
    too_large_for_ipd: '文件大小超过IPD网关的上限。',
    name_refused: 'IPD不接受该文件名。',
    ipd_refused: 'IPD拒绝接收该文件。',
    outcome_unknown: '无法确认IPD是否已收到文件，请先查看工作项的附件，再决定是否重新上传。',
    retries_exhausted: '长时间无法将文件传给IPD，已停止重试。',
    scan_refused: '文件未通过恶意软件扫描，未发送到IPD。',
    scan_timed_out: '长时间未收到恶意软件扫描结果，文件未发送到IPD。',
    ingest_malformed: '对象键、元数据或消息的格式不符合要求。',
    ingest_project_closed: '该项目未开放自动接入。',
    ingest_too_large: '文件大小超过上限。',
    ingest_empty: '文件为空，空文件不能作为附件。',
    ingest_source_missing: '对象不存在或已被删除，请重新提交。',
    ingest_source_forbidden: '没有读取该对象的权限。',
    ingest_source_replaced: '对象在复制前被替换，新对象将作为单独的上传任务处理。',
    ingest_request_reused: 'requestId已被其他请求使用，请更换。',
  },

  retryableFailures: {
    ipd_unavailable: 'IPD未接收文件，系统将自动重试。',
    ipd_throttled: '请求被IPD流控，系统将自动重试。',
    storage_unavailable: '读取暂存文件失败，系统将自动重试。',
    lease_lost: '传输在IPD收到文件前中断，系统将自动重试。',
    ipd_paused: 'IPD无响应或不接受服务凭证，所有传输已暂停，恢复后自动继续。',
    work_item_busy: '同一工作项有另一个大小相同的文件正在处理，完成后自动继续。',
    answer_lost: '未收到IPD的响应，IPD可能已收到文件，系统核对后再决定是否重发。',
    id_missing: 'IPD已收到文件但未返回附件ID，系统正在查找。',
    scan_pending: '文件尚未完成恶意软件扫描，扫描通过后自动发送。',
  },

  remarks: {
    attachment_id_unknown: 'IPD已收到文件但未返回附件ID，在附件列表中也未及时查到。',
  },

  comment: { ofPerson: '{by}上传了{filename}（{at}）。', ofProducer: '系统上传了{filename}（{at}）。' },

  states: {
    awaiting_upload: '等待上传',
    staged: '已上传，等待传给IPD',
    delivering: '正在传给IPD',
    waiting: '等待重试',
    unconfirmed: '结果待确认，正在核对IPD',
    delivered: '已添加',
    failed: '失败',
    expired: '已过期',
    cancelled: '已取消',
    removed: '已移除',
  },
};
