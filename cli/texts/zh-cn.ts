/** The texts of the command line in Simplified Chinese, with the terms of Huawei's own pages. Data only. */
import { opsZhCn } from './ops-zh-cn.ts';
import type { Texts } from './en.ts';

export const zhCn: Texts = {
  language: 'zh-CN',

  separators: { members: '、', parts: '，', clauses: '；', and: '和' },

  usage: {
    more: '使用--help查看帮助。',
    noOption: '没有选项{option}',
    wrong: '命令行参数有误：{reason}',
    language: '不支持--lang {value}，可选值：{languages}',
    needsFile: '请至少指定一个文件',
    noUrl: '--api的值不是有效的URL：{value}',
    needsToken: '使用--api时必须指定--token或环境变量UPLOAD_TOKEN',
    needsWorkItem: '使用{option}时必须指定--project和--issue',
    wrongProject: '--project必须是32位字母和数字',
    wrongIssue: '--issue必须是18~19位数字',
    noNumber: '--{option}的值不是整数：{value}',

    demo: `用法：npm run demo [-- 文件…] [--json]

启动内置环境，上传文件（未指定时使用示例文件），并显示IPD收到的内容。
使用--json（npm run -s demo -- --json）时，只输出一行{"uploads":[…]}。所有文件均完整送达时退出码为0。
--lang en|zh-CN指定语言（默认取自LC_ALL、LC_MESSAGES或LANG）。`,

    upload: `用法：npm run upload -- [选项] 文件…

上传文件并添加为IPD工作项的附件。未指定--api时，上传到npm start启动的本地环境。
服务开启此功能时，超过附件大小上限的文件以链接形式添加到工作项。
上传中断后，重新执行同一命令即可继续：已存储的内容不会重复发送。

  --api URL            API地址，例如https://uploads.example.com
  --token TOKEN        用户的JWT（默认：$UPLOAD_TOKEN）
  --project ID         项目ID，32位字母和数字
  --issue ID           工作项ID，18~19位数字
  --content-type TYPE  所有文件的类型（默认：按扩展名判断）
  --patience SECONDS   服务无响应时的等待时间，单位为秒（默认：30）
  --again              工作项中已有该附件时，再次添加
  --lang en|zh-CN      语言（默认取自LC_ALL、LC_MESSAGES或LANG）
  --json               只输出一行JSON：{"uploads":[…]}，内容与API返回的一致，并增加"alreadyAttached"；
                       在程序中请使用npm run -s upload
  --help               显示帮助

退出码：0 全部添加成功，1 有文件失败，2 用法错误或本地环境未启动，130 被中断（正在进行的上传会被取消）。`,

    drop: `用法：npm run drop -- [选项] 文件…

与CI任务或设备一样，将文件放到暂存桶的ingest/目录下，并跟踪每个文件直到IPD收到。
未指定--stage时，使用npm start启动的本地环境。名称和内容都相同的文件只添加一次。

  --project ID         项目ID，32位字母和数字
  --issue ID           工作项ID，18~19位数字
  --uploaded-by NAME   上传人；显示为提交方提供的信息
  --content-type TYPE  所有文件的类型（默认：按扩展名判断）
  --stage NAME         使用该环境的部署；需要AWS命令行工具（aws），以及能读取函数配置和数据表、
                       能上传对象的凭证
  --profile NAME       凭证和区域，同AWS_PROFILE；--region NAME，同AWS_REGION
  --lang en|zh-CN      语言（默认取自LC_ALL、LC_MESSAGES或LANG）
  --json               只输出一行JSON：{"uploads":[…]}，内容与API返回的一致，并增加"source"和
                       "alreadyAttached"；在程序中请使用npm run -s drop
  --help               显示帮助

退出码：0 全部添加成功，1 有文件失败，2 用法错误或本地环境未启动，130 被中断（已放入的文件会继续处理）。`,
  },

  progress: {
    staging: '上传',
    delivery: '传给IPD',
    resumes: '从{share}处继续',
    took: '用时{seconds}秒',
    waiting: '等待IPD',
    nextTry: '将于{time}重试',
    inDoubt: '结果待确认，正在核对IPD（需几分钟）',
    notTaken: '尚未开始处理（需几分钟）',
    asLink: '无法作为附件，将以链接形式添加到工作项',
  },

  paused: {
    offline: '网络未连接，等待恢复',
    no_answer: '服务无响应，正在重试',
    busy: '服务繁忙，正在重试',
  },

  outcome: {
    line: '{path}：{outcome}',
    delivered: '附件ID {id}',
    linked: '链接 {url}，有效期至{day}',
    linkedUntil: '链接，有效期至{day}',
    noId: '（IPD未返回附件ID）',
    ended: '{state}：{message}（{code}）',
    alreadyAttached: '之前已添加：{outcome}{gone}。使用--again可再次添加',
    gone: '，但IPD中已无此附件',
    before: '之前已添加，附件ID {id}',
    linkedBefore: '之前已添加链接，有效期至{day}',
  },

  demo: {
    failed: '演示失败：{reason}',
    result: '结果      {outcome}',
    name: 'IPD文件名 {name}',
    notFound: '（IPD中未找到）',
    equal: 'SHA-256   一致（{sha256}）',
    notEqual: 'SHA-256   不一致（{sha256}）',
    overdue: '{seconds}秒后仍未完成',
  },

  refused: '{reason}（{code}）',

  codes: {
    invalid_request: '请求无效',
    network: '服务无响应',
    unexpected_answer: '服务返回的内容无法识别',
    unauthorized: 'Token无效或已过期',
    forbidden: 'Token未被接受',
    request_too_large: '请求体过大',
    invalid_api_url: '该地址没有上传API',
    url_refused: '存储拒绝了上传地址',
    url_expired: '上传地址已过期',
    url_altered: '上传请求与签名不符',
    storage_refused: '存储拒绝了文件',
    checksum_mismatch: '文件内容与声明的SHA-256值不一致',
    size_mismatch: '文件大小与声明的不一致',
    file_differs: '不是同一个文件',
    file_missing: '文件不存在',
    file_unreadable: '文件无法读取',
    file_empty: '文件为空，空文件不能作为附件',
  },

  rules: {
    'must be a string': '必须是字符串',
    'must be a string, since it has more digits than a number can carry':
      '必须是字符串，因为位数超出了数字的范围',
    "must be the project's 32 letters and digits": '必须是项目ID，32位字母和数字',
    "must be the work item's id of 18 or 19 digits, not the short number the console shows":
      '必须是工作项ID，18~19位数字，不是控制台显示的短编号',
    'must not be empty': '不能为空',
    'must be valid Unicode, without U+FFFD': '必须是有效的Unicode，不能包含U+FFFD',
    'must not contain control characters': '不能包含控制字符',
    'must be a bare name without a path': '必须是不含路径的文件名',
    'must have a character that is seen': '必须包含可见字符',
    'must have at most 200 characters': '不能超过200个字符',
    'must have at most 255 characters': '不能超过255个字符',
    'must be a media type such as image/png': '必须是媒体类型，例如image/png',
    'must not be multipart/* or message/*, which IPD could read as several files: send application/octet-stream':
      '不能是multipart/*或message/*，IPD可能将其视为多个文件：请使用application/octet-stream',
    'must be a whole number of bytes': '必须是整数，单位为字节',
    'must be at least 1: an empty file cannot be attached': '不能小于1：空文件不能作为附件',
    'must be 64 hexadecimal digits': '必须是64位十六进制数字',
  },

  brokenRule: '{place}（{rule}）',

  trouble: {
    interrupted: '已中断',
    cancelled: '{reason}，上传已取消',
    notCancelled: '上传任务{id}已无法取消，将继续执行',
    goesOn: '{reason}：上传任务{id}将继续执行',
    nothingDropped: '{reason}，未放入任何文件',
    itsSize: '{reason}：文件大小为{size}（{bytes} B）',
    continues: '{reason}。重新执行同一命令即可从中断处继续',
    tooLarge: '文件大小为{size}（{bytes} B），上限为{most}（ingest_too_large）',
    wrongName: '文件名不符合要求：{fault}（ingest_malformed）',
    notPut: '上传{key}失败',
    notShown: '无法显示上传任务{id}',
    noRoomForNames: '文件名和--uploaded-by超出了{bytes}字节的元数据上限',
    ingestionOff: '自动接入未开启，请配置INGEST_PROJECTS',
    projectClosed: '项目{id}未开放自动接入，请将其加入INGEST_PROJECTS',
  },

  stack: {
    none: '本地环境未启动，请先在另一个终端执行npm start',
    noneOrApi: '本地环境未启动，请先在另一个终端执行npm start，或指定--api',
    silent: '本地环境（{url}）无响应，请先在另一个终端执行npm start，或指定--api',
    stopped: '{directory}对应的本地环境已停止，请先在另一个终端执行npm start',
    answered: '{url}返回{status}',
  },

  place: {
    notNamed: '未指定部署环境，请指定--stage、--settings或--local，或设置{names}',
    wrongSettings: '未指定部署环境，请指定--stage、--settings或--local，或更正有误或缺少的配置（{reason}）',
    noDeployment: '该账号在{where}没有环境{stage}的部署：函数{name}不存在',
    profileRegion: '配置文件指定的区域',
    noApi: '资源栈{name}没有API地址信息，请指定--api',
    unreadable: '无法读取{path}',
    noSettings: '{path}中没有配置：内容应为一个JSON对象，值均为字符串',
    signIn: '请设置AWS_PROFILE或指定--profile，必要时先登录（aws sso login）。',
    noRegion: '请设置AWS_REGION或指定--region，即部署所在的区域。',
    noTable: '该账号和区域中没有此数据表，请检查--stage和--region是否正确。',
    noQueue: '该账号和区域中没有此队列，请检查--stage和--region是否正确。',
  },

  ops: opsZhCn,
};
