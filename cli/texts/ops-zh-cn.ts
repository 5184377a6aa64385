/** The texts of `npm run ops` in Simplified Chinese, with the terms of Huawei's own pages. Data only. */
import type { Texts } from './en.ts';

export const opsZhCn: Texts['ops'] = {
  usage: `用法：npm run ops -- 命令 [选项]

  list                 列出未处理完的上传任务，包括文件仍保留的失败任务
  show ID              查看一个上传任务的完整信息和历史
  redrive [ID…]        重试失败的上传任务；如果IPD可能已收到文件，会先核对IPD
  cancel ID…           取消上传任务并删除文件，仅限IPD不可能已收到文件的任务
  erase --owner SUB    从数据表和存储中清除某个用户的数据
  dead-letters         列出无法处理的死信消息；--redrive将其放回传输队列
  logs [FUNCTION…]     查询日志组（uploads、uppy、attach、deliver、ingest、sweep，访问日志为api）
  rotate-key ipd       存入IPD的新密钥或新密码，并告知旧凭证何时不再使用
  rotate-key signing   创建用于签名URL的新密钥；之后再次执行时删除旧密钥
  probe                在测试用的工作项上探测真实的IPD租户，并输出建议的配置
  smoke                通过某个部署发送一个小文件，直到IPD收到
  protect              首次部署完成后，防止数据表被删除

指定部署：
  --stage NAME         该环境的部署；需要AWS命令行工具（aws）
  --settings FILE      使用该JSON文件中的配置，格式与以下命令的输出一致：\`aws lambda get-function-configuration
                       --function-name ipd-attachment-bridge-STAGE-uploads --query Environment.Variables\`
  --local              npm start启动的本地环境
                       以上均未指定时，使用环境变量STAGING_BUCKET、UPLOADS_TABLE和DELIVERY_QUEUE_URL
  --profile NAME       凭证和区域，同AWS_PROFILE；--region NAME，同AWS_REGION

选择上传任务（list、redrive）：
  --state STATE        awaiting_upload、staged、delivering、waiting、unconfirmed、delivered、failed、expired、cancelled，
                       或用open表示所有未结束的任务；多个值用逗号分隔（不适用于redrive：只处理失败的任务）
  --owner SUB          （list）某个用户的所有上传任务，包括已结束的；值为Token中的\`sub\`
  --code CODE          最近一次的错误码
  --source SOURCE      来源：api、uppy、attach，ingest表示所有自动接入的任务（drop或request只表示其中一种）
  --project ID         项目ID
  --older-than AGE     创建时间早于30m、2h、3d之前；--younger-than AGE则为晚于
  --limit N            最多处理的数量，默认100
  --scan               读取整张表，DynamoDB会收费；未指定--owner时，只有这样才能找到已结束的任务

redrive
  --reason WORDS       原因；与操作人一起保存在记录中（--by NAME，默认为登录名）
  --dry-run            只显示将要执行的操作
  --all                所有失败的上传任务；未用其他选项选择时必须指定

cancel
  --reason WORDS       原因；与操作人一起保存在记录中（--by NAME）

erase
  --owner SUB          用户，即Token中的\`sub\`
  --dry-run            只显示将要执行的操作，以及IPD中仍保留的内容：请保存这份清单
  --yes --reason WORDS
                       真正执行；原因和--by NAME会被保存，请填写编号，不要填写用户的姓名

dead-letters
  --redrive            放回传输队列，数量不超过--limit

logs（需要--stage和AWS命令行工具）
  --query WORDS        CloudWatch Logs Insights查询语句
  --since AGE          时间范围，默认3h

rotate-key（需要--stage和AWS命令行工具）
  --from FILE          （ipd）JSON格式的新凭证，默认读取标准输入；未给出的字段保持不变
  --project ID --issue ID   （ipd）先用新凭证读取该工作项，IPD响应后才存入
  --check              （ipd）只检查所有函数是否都已使用新凭证

probe和smoke
  --project ID --issue ID   工作项；添加的附件只能在IPD中手动删除
  --patience SECONDS   最长等待时间，单位为秒（60；smoke为120）

probe：使用部署的IPD配置和凭证，或环境变量IPD_*
  --yes                确认添加附件，最多约80个文件
  --sizes BYTES,…      文件大小，单位为字节，默认11000000,13000000,49000000,51000000
  --refine STEPS       在被接收和被拒绝的大小之间折半查找的次数（0）
  --rate-seconds N     全速发送的时间（10）；--slow-seconds N  慢速请求体的持续时间（60）
  --quiet-seconds N    测量并发、速率和大小之前的停顿时间（5）
  --fill               同时测量工作项的容量，直到不能再添加：101个文件或55 MB
  --links              只测量链接和评论（OVERSIZE=link、COMMENT_ON_DELIVERY），并删除所创建的内容
  --record FILE        将IPD的响应写入文件，不含密钥、名称和ID，可以分享

smoke
  --api URL            API地址，无法从--stage或--local得知时使用
  --token TOKEN        用户的JWT（默认：$UPLOAD_TOKEN；使用--local时自动生成）

  --lang en|zh-CN      语言（默认取自LC_ALL、LC_MESSAGES或LANG）
  --json               最后一行为JSON，且标准输出只有这一行；在程序中请使用npm run -s ops
  --help               显示帮助

退出码：0 成功，1 有操作失败，2 用法错误。`,

  wrong: {
    noCommand: '请指定命令',
    unknownCommand: '没有命令{command}',
    takesNoOption: '{command}没有选项--{option}',
    takesNoNames: '{command}不接受其他参数',
    onePlace: '--local、--stage和--settings只能指定一个',
    noAge: '--{option}的值不是有效的时间：{value}，格式为30m、2h或3d',
    noState: '没有状态{value}，可选值：{values}，或open',
    noCode: '没有错误码{value}，可选值：{values}',
    noSource: '没有来源{value}，可选值：{values}',
    noLog: '没有{value}的日志，可选值：{values}',
    noId: '{id}不是上传任务的ID',
    nameOne: '请指定一个上传任务',
    nameUploads: '请指定上传任务',
    nameKey: '请指定密钥：ipd或signing',
    nameOrChoose: '指定上传任务ID和使用选择条件，只能二选一',
    chooseSome: '请指定上传任务，或用--code、--source、--project或时间选择，或指定--all',
    needsReason: '必须指定--reason',
    longReason: '--reason超过{most}个字符',
    emptyOwner: '--owner为空，应为Token中的`sub`',
    ownerNeedsNoScan: '--owner已能找到该用户的所有上传任务，无需--scan',
    needsOwner: '必须指定--owner，即用户Token中的`sub`',
    cannotBeUndone: '此操作不可恢复：请先用--dry-run执行并保存其输出，再指定--yes',
    logsNeedStage: '请指定--stage：只有部署才有日志组',
    needsQuery: '必须指定--query，格式为CloudWatch Logs Insights查询语句',
    keyNeedsStage: '请指定--stage，即密钥所属的部署',
    itemIsPair: '--project和--issue必须同时指定',
    checkWritesNothing: '--check不会写入任何内容，不能与--from同时使用',
    needsProject: '必须指定--project，32位字母和数字',
    needsIssue: '必须指定--issue，即测试用的工作项，18~19位数字',
    needsYes:
      '此操作最多添加约80个附件（同时发送{parallel}个），且只能手动删除：请指定--yes，并使用测试用的工作项',
    needsYesForLinks:
      '此操作会添加几个链接和一条评论，然后将其删除，关注该工作项的人可能收到通知：请指定--yes',
    linksAlone: '--links只测量链接和评论，不能与--{option}同时使用',
    needsApi: '请指定--stage、--api或--local',
    needsToken: '必须指定--token或环境变量UPLOAD_TOKEN，即用户的JWT',
    needsWorkItem: '必须指定--project和--issue，即测试用的工作项',
  },

  ages: { s: '{count}秒', m: '{count}分钟', h: '{count}小时', d: '{count}天' },

  list: {
    state: '状态',
    code: '错误码',
    age: '已创建',
    dueIn: '距下次处理',
    attempts: '尝试次数',
    bytes: '字节数',
    project: '项目ID',
    workItem: '工作项ID',
    inDoubt: '{status}（结果待确认）',
    none: '没有符合条件的上传任务。',
    noneInIndex: '待处理索引中没有符合条件的上传任务。',
    more: '结果超过{limit}条：可用--limit显示更多，或用其他选项缩小范围。',
    tooNew: '以下上传任务由更高版本写入，当前版本无法读取：{ids}',
    hidden: '已结束的上传任务不在索引中：--scan会读取整张表来查找，将产生费用。',
  },

  show: {
    none: '上传任务{id}不存在',
    nothing: '无文件',
    bytes: '{bytes}字节',
    version: '{id}，版本{version}',
    inDoubt: '{status}，自{since}起结果待确认',
    error: '{code}：{message}',
    errorDetail: '{code}：{message}（{detail}）',
    file: '{filename}，{size}字节，{contentType}',
    attempts: '{attempts}次，其中{failed}次失败并延长了等待时间；已发送{bytes}字节',
    notDue: '无待处理的操作',
    dueIn: '{age}后，即{at}',
    dueSince: '{age}前已到期，即{at}',
    dropIsThere: '仍存在，{bytes}字节',
    link: '{id}，有效期至{until}',
    linkRemoved: '已于{at}撤回（操作方：{by}）',
    claim: '{id}属于{by}',
    workItemHolder: '相同大小的文件正由{id}占用',
    erased: '{at}，由{by}操作：{reason}',
    notification: '{type}，产生于{at}',
    fromDrop: '对象{key}，放入时间为{at}',
    fromRequest: '请求{id}：{object}',
    fromVersion: '请求{id}：{object}，版本{version}',
    producerSays: '{name}（由提交方提供）',
  },

  members: {
    upload: '上传任务',
    state: '状态',
    error: '错误',
    file: '文件',
    sentName: 'IPD文件名',
    owner: '所有者',
    source: '来源',
    uploadedBy: '上传人',
    correlation: '关联ID',
    project: '项目ID',
    workItem: '工作项ID',
    attempts: '尝试次数',
    due: '下次处理',
    retryUntil: '重试截止时间',
    staged: '暂存的文件',
    drop: '接入的对象',
    keepUntil: '保留至',
    attachment: '附件ID',
    link: '链接',
    candidate: '候选附件ID',
    duplicates: '重复附件ID',
    claims: '附件归属',
    workItemHolder: '工作项',
    breaker: '熔断器',
    erased: '数据清除',
    notification: '待发送通知',
  },

  history: {
    created: '已创建',
    attempt: '第{number}次尝试',
    by: '由{by}操作：{reason}',
    triedAgainBy: '由{by}重试：{reason}',
  },

  stays: {
    line: '保持不变：{why}',
    none: '该上传任务不存在',
    delivered: '状态为{status}，IPD已收到文件',
    mayBeInIpd: '状态为{status}，IPD可能已收到文件',
    notFailed: '状态为{status}，只有失败的上传任务才能重试',
    ownerErased: '所有者的数据和文件均已清除',
    neverArrived: '文件从未按声明的内容送达',
    notAgain: '状态为{status}，不能重试',
    tooNew: '由更高版本写入，请使用该版本',
  },

  losses: {
    file_gone: '文件已不存在，请重新上传',
    offer_gone: '暂存的文件已不存在，需由提交方重新提交',
    gone_in_doubt: '文件已不存在，但IPD可能已收到：请先查看工作项的附件，再决定是否重新上传',
  },

  obstacles: {
    sent_twice: '曾发送两次，将在{until}之后检查是否有重复附件',
    awaited: '状态为{status}，IPD可能已收到文件，正在等待结果',
    in_doubt:
      '状态为{status}，IPD可能已收到文件：请用redrive重试（会先核对IPD），或等到文件被删除（{until}）',
  },

  redrive: {
    willBeChecked: 'IPD可能已收到文件，将先核对IPD',
    wouldBeChecked: '如果执行，IPD可能已收到文件，会先核对IPD',
    willBeSent: '将重新发送',
    wouldBeSent: '如果执行，会重新发送',
    done: '共{all}个，其中{done}个将重试，系统会在几分钟内处理。',
    trial: '共{all}个，如果执行，其中{done}个会重试。',
    more: '还有更多：可用--limit一次处理更多。',
  },

  cancel: {
    done: '已取消，文件已删除',
    linkDone: '链接已撤回，地址即刻失效；IPD中的链接和文件将在几分钟内删除',
  },

  erase: {
    sessions: '已结束{count}个Uppy会话',
    sessionsTrial: '如果执行，会结束{count}个Uppy会话',
    isErased: '状态为{status}，数据已清除',
    wouldBeErased: '状态为{status}，如果执行，数据会被清除',
    done: '共{all}个，已清除{done}个。',
    trial: '共{all}个，如果执行，会清除{done}个。',
    repeat: '其余的请在等待的条件满足后再次执行。',
    notReached: '以下内容无法在此清除：IPD、备份、日志、已发布的通知（见docs/security.md）。',
    fileStays: '文件暂时无法删除，系统稍后会自动删除：{reason}',
    ipdKeeps: 'IPD中仍保留{what}：项目{project}，工作项{issue}',
    ipdMayHave: 'IPD中可能有{what}：项目{project}，工作项{issue}',
    attachments: '附件{ids}',
    fileWithoutId: '一个{size}字节的文件（无附件ID）',
  },

  deadLetters: {
    request: '请求传输{upload}，状态为{status}',
    arrival: '通知{upload}的文件已到达，状态为{status}',
    other: '不是本系统的消息',
    noUpload: '（无上传任务）',
    notInLedger: '（无记录）',
    moved: '已将{count}条消息放回传输队列。',
    count: '共{count}条死信消息。',
  },

  logs: {
    none: '最近{age}内没有日志，可用--since扩大时间范围。',
    ended: '查询未完成，状态为{status}',
  },

  rotateKey: {
    listed: '使用新凭证可以读取该工作项。',
    stored: '已存入：{where}。',
    oldInUse: '正在运行的函数仍使用旧凭证。{deploy}',
    thenCheck: '之后执行`npm run ops -- rotate-key ipd --stage {stage} --check`，可查看旧凭证何时可以停用。',
    deploy: '函数会在几小时内更新，或执行`npm run serverless -- deploy --stage {stage} --force`立即更新。',
    noValue: '密钥还没有值',
    isFree: '所有函数都已使用新凭证，旧凭证可以停用。',
    notYet: '暂时不能停用。{deploy}',
    notBefore: '{at}之前不能停用：正在进行的传输可能仍使用旧凭证。',
    twoKeys: '{user}有两个密钥，已存入的是{current}：请删除不再使用的密钥',
    none: '（无）',
    unfinished: '{key}由未执行完的命令创建，将被删除。',
    oldStays: '{key}保留：用它签名的URL可能仍有效。{deploy}',
    oldStaysUntil: '{key}保留：用它签名的URL可能仍有效，{at}之前不会删除。',
    oldDeleted: '{old}已删除，现在只用{current}签名。',
    made: '{key}已创建并存入：{where}。',
    signWithOld: '正在运行的函数仍用旧密钥签名。{deploy}',
    thenDelete: '更新完成{minutes}分钟后，再次执行同一命令即可删除旧密钥。',
    paste: '请粘贴JSON格式的新凭证，然后按Ctrl-D：',
    notJson: '新凭证不是有效的JSON：请通过--from或标准输入提供{"accessKey":…,"secretKey":…}',
    notFit: '新凭证不符合IPD_CREDENTIALS的要求：{faults}',
    storedAlready: '与已存入的凭证相同',
    noStore: '{setting}没有指定可写入的密钥，应为secretsmanager:…或ssm:…',
    inSecretsManager: '{name}，版本{version}；上一版本的标签为AWSPREVIOUS',
    inParameterStore: '{name}，版本{version}；版本{before}保留在历史中',
  },

  protect: {
    isProtected: '{table}已受保护，AWS不会删除此表。',
    wasProtected: '{table}之前已受保护，AWS不会删除此表。',
  },

  smoke: {
    answers: '{url}响应正常，用时{ms}毫秒；{way}',
    refusesToken: '{url}拒绝了Token：{why}',
    line: '{ms}毫秒  {status}',
    firstLine: '{ms}毫秒  {status}，ID为{id}',
    nothing: '（无）',
    notEnded: '上传未在{seconds}秒内完成，最后的状态为{last}',
    noJwt: '不是JWT',
    isOver: '已过期',
    issuer: '签发者（iss）为{claim}，必须与部署的ISSUER_URL完全一致',
    audience: '受众（aud）为{claim}，必须等于或包含JWT_AUDIENCE',
    noEnd: '没有过期时间（exp）',
    end: '过期时间（exp）为{at}',
    notThere: '（无）',
  },

  breaker: {
    closed: '文件会正常传给IPD',
    open: 'IPD无法使用，文件暂不发送（熔断器已断开）',
    half_open: '正在逐个发送文件，以确认IPD是否恢复（熔断器半开）',
  },

  probe: {
    where: '{endpoint}，工作项{issue}，凭证：{auths}',
    whereThrough: '{endpoint}（经由{gateway}），工作项{issue}，凭证：{auths}',
    tooMany: '该工作项已有{count}个附件：请使用没有附件的工作项，因为上限为100个',
    follow: '建议的配置：',
    notReached: '未测出的项，保持原配置：',
    gap: '{name}：{why}',
    noFile: '--record {path}：文件无法创建或已存在',
    recorded: '{path}：共{count}次交互，不含密钥、名称和ID，请检查后再分享',
    unlisted: '尚未列出的字段：{members}',
    needsCredentials:
      '必须配置IPD_CREDENTIALS：JSON，包含accessKey和secretKey，或domain、username和password，或全部',
    noFit: 'IPD_CREDENTIALS中没有符合IPD_AUTH的凭证',
    notListed: 'IPD未返回工作项的附件列表：{detail}',
    firstNotTaken: 'IPD未接收{size}字节的文件：{answer}',
  },

  findings: {
    projectHeader: 'X-Project-Id：不需要',
    idNamed: '响应中的附件ID：有；字段：{fields}',
    idNotNamed: '响应中的附件ID：没有，因此每次传输都要查询；字段：{fields}',
    noFields: '无',
    listed: '附件列表：{seconds}秒后出现新文件',
    notListed: '附件列表：在等待时间内未出现新文件',
    nameTaken: '文件名（{label}）：已接收',
    nameChanged: '文件名（{label}）：已接收，显示为{shown}',
    notShown: '（未显示）',
    nameRefused: '文件名（{label}）：被拒绝：{answer}',
    chunkedTaken: '未声明长度的请求体（chunked）：已接收',
    chunkedRefused: '未声明长度的请求体（chunked）：被拒绝：{answer}',
    slowTaken: '慢速请求体：{seconds}秒后已接收',
    slowCut: '慢速请求体：{seconds}秒后被中断：{answer}',
    parallel: '并发：发送{sent}个，接收{taken}个',
    parallelRefused: '并发：发送{sent}个，接收{taken}个；其余：{refusal}',
    rate: '速率：{seconds}秒内上传{taken}个，即每分钟{perMinute}个',
    noThrottle: '流控：未触发，因此没有测出可持续的速率',
    throttle: '流控：上传{uploads}个后触发：{answer}；Retry-After：{retryAfter}',
    notSent: '未返回',
    rateEnded: '速率：因被拒绝而结束：{refusal}',
    gatewayTells: '网关返回：{headers}',
    sizeTaken: '文件大小（{auth}）：{most}，未达到上限',
    sizeRefused: '文件大小（{auth}）：{most}，{refused}字节被拒绝：{answer}',
    sizeNotTaken: '文件大小（{auth}）：{most}，{refused}字节未被接收，但不是因为大小：{answer}',
    noneTaken: '均未接收',
    bytesTaken: '接收了{bytes}字节',
    full: '容量：{files}个文件，{bytes}字节，之后：{refusal}',
    notFull: '容量：{files}个文件，{bytes}字节，未达到上限',
  },

  links: {
    done: '{what}：{done}',
    refused: '{what}：被拒绝：{answer}',
    forbidden: '{what}：被拒绝，身份策略须允许{action}：{answer}',
    taken: '已接收',
    none: '无',
    list: '链接列表',
    listed: '可以读取，原有{count}个链接',
    listCut: '显示{count}个链接，可能未全部显示，因此结果待确认的链接无法确认',
    create: '新建链接',
    idNamed: '已接收，响应中有链接ID，{shape}',
    idNotNamed: '已接收，响应中没有链接ID，因此每个链接都要查询；{shape}',
    shown: '链接列表：{seconds}秒后出现新链接',
    notShown: '链接列表：在等待时间内未出现使用该URL的新链接',
    titleChanged: '标题：显示的内容与发送的不同',
    title: '标题（{label}）',
    equal: '再次添加相同的URL',
    equalTaken: '已接收，列表中显示{rows}次',
    remove: '删除链接',
    removed: '已接收，{shape}',
    gone: '链接列表：{seconds}秒后不再显示已删除的链接',
    notGone: '链接列表：在等待时间内一直显示已删除的链接',
    again: '再次删除同一链接',
    linksLeft: '有{count}个链接未能删除：请在IPD中手动删除',
    comment: '新建评论',
    comments: '评论列表',
    commentShown: '评论列表：{seconds}秒后出现新评论',
    commentNotShown: '评论列表：在等待时间内未出现新评论',
    markup: '评论的HTML标记：保留：{kept}；改变：{changed}',
    commentRemove: '删除评论',
    commentLeft: '评论未能删除：请在IPD中手动删除',
    canLink: '可以使用OVERSIZE=link：IPD接收了所需的每个调用',
    cannotLink: '不能使用OVERSIZE=link：IPD未接收所需的每个调用',
    allow: '  账号的身份策略须允许{action}',
    canComment: '可以使用COMMENT_ON_DELIVERY=on',
    cannotComment: '不能使用COMMENT_ON_DELIVERY=on：IPD未接收评论',
  },

  shapes: { docs: '格式与API文档一致', sdk: '格式与SDK一致', other: '格式与API文档和SDK均不一致' },

  labels: {
    plain: '普通',
    again: '与上一个同名',
    chinese: '中文',
    spaces: '空格',
    percent: '加号和百分号',
    quotes: '引号',
    emoji: '表情符号',
    long: '256个字符',
    longer: '300个字符',
    bare: '无扩展名',
    empty: '空文件',
  },

  gaps: {
    noFile: '任何大小的文件均未被接收',
    noSizeLimit: '接收了{bytes}字节，未达到上限：可用--sizes尝试更大的文件',
    noAuth: '任何认证方式的文件均未被接收',
    noThrottle: '以每分钟{perMinute}个的速率持续{seconds}秒，未触发流控：可用--rate-seconds延长时间',
    shortThrottle: '已触发流控，但之后的测量时间过短：可用--rate-seconds延长时间',
    notListed: '在等待时间内，附件列表中未出现该文件：可用--patience延长等待时间',
    noParallelLimit: '同时发送的{sent}个文件均被接收，未尝试更多',
  },

  aws: {
    failed: 'aws执行失败：{reason}',
    missing: '--stage需要AWS命令行工具（aws）；也可以指定--settings，smoke可以指定--api',
    callFailed: 'aws {call}执行失败：{reason}',
    noJson: 'aws {call}的输出不是JSON',
  },
};
