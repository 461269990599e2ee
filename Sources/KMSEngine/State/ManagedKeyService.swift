import KMSModel

/// An AWS service that has a key of its own in each account and region: the name behind `alias/aws/`.
enum ManagedKeyService: String, CaseIterable, Sendable {
    case acm
    case appFlow = "appflow"
    case backup
    case codeArtifact = "codeartifact"
    case codeCommit = "codecommit"
    case connect
    case dms
    case dynamoDB = "dynamodb"
    case ebs
    case elasticFileSystem = "elasticfilesystem"
    case es
    case fsx
    case glue
    case kinesis
    case kinesisVideo = "kinesisvideo"
    case lambda
    case lightsail
    case redshift
    case rds
    case s3
    case secretsManager = "secretsmanager"
    case sns
    case sqs
    case ssm
    case workSpaces = "workspaces"
    case xray

    /// The service whose key `alias` names, or nil when that is none.
    init?(alias: AliasName) {
        guard alias.isReserved else { return nil }
        self.init(rawValue: String(alias.description.dropFirst(AliasName.reservedPrefix.count)))
    }

    /// The name of the service's key.
    var alias: AliasName? { AliasName(AliasName.reservedPrefix + rawValue) }

    /// What the key's description says.
    var description: String { "Default key that protects my \(protects) when no other key is defined" }

    private var protects: String {
        switch self {
        case .acm: "ACM private keys"
        case .appFlow: "AppFlow data"
        case .backup: "Backup data"
        case .codeArtifact: "CodeArtifact data"
        case .codeCommit: "CodeCommit repositories"
        case .connect: "Connect data"
        case .dms: "DMS data"
        case .dynamoDB: "DynamoDB data"
        case .ebs: "EBS volumes"
        case .elasticFileSystem: "EFS filesystems"
        case .es: "OpenSearch Service data"
        case .fsx: "FSx resources"
        case .glue: "Glue data"
        case .kinesis: "Kinesis data"
        case .kinesisVideo: "Kinesis Video Streams data"
        case .lambda: "Lambda functions"
        case .lightsail: "Lightsail data"
        case .redshift: "Redshift clusters"
        case .rds: "RDS database volumes"
        case .s3: "S3 objects"
        case .secretsManager: "Secrets Manager data"
        case .sns: "SNS data"
        case .sqs: "SQS messages"
        case .ssm: "SSM parameters"
        case .workSpaces: "WorkSpaces data"
        case .xray: "X-Ray data"
        }
    }
}
