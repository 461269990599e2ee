import KMSIdentity
import KMSModel

/// Forms that are often nearly right.
struct RandomForm {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func pick<Choice>(_ choices: [Choice]) -> Choice { random.pick(choices) }

    mutating func isOne(in count: Int) -> Bool { random.isOne(in: count) }

    /// The members of a request that may be meant for any operation.
    ///
    /// - Parameter identities: Whose access keys and versions of policies there are.
    mutating func members(for identities: AccountIdentities) -> [String: String] {
        var members: [String: String] = [:]
        for name in Self.names where !random.isOne(in: 20) { members[name] = value(of: name, identities) }
        for (name, rarity) in Self.optionalNames where random.isOne(in: rarity) {
            members[name] = value(of: name, identities)
        }
        for index in 1...random.pick([1, 1, 2, 3]) where !random.isOne(in: 8) {
            members["Tags.member.\(index).Key"] = random.isOne(in: 8) ? junk() : random.pick(["a", "A", "b", "team"])
            members["Tags.member.\(index).Value"] = random.isOne(in: 8) ? junk() : random.pick(["", "1"])
            members["TagKeys.member.\(index)"] = random.pick(["a", "B", "none"])
        }
        if random.isOne(in: 10) { members[junk()] = junk() }
        return members
    }

    /// Members of any name with any value.
    mutating func garbage() -> [String: String] {
        var members: [String: String] = [:]
        let names = Self.names + Self.optionalNames.map(\.name)
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            members[random.isOne(in: 4) ? junk() : random.pick(names)] = junk()
        }
        for list in ["Tags", "TagKeys"] where random.isOne(in: 2) {
            for index in 0..<Int.random(in: 0...60, using: &random) {
                members["\(list).member.\(index)" + random.pick(["", ".Key", ".Value"])] = junk()
            }
        }
        return members
    }

    /// Without these most operations are refused.
    private static let names = [
        "UserName", "GroupName", "RoleName", "PolicyName", "PolicyArn", "PolicyDocument", "AssumeRolePolicyDocument",
        "AccessKeyId", "Status", "VersionId",
    ]
    /// With how many times these are left out.
    private static let optionalNames: [(name: String, rarity: Int)] = [
        ("NewUserName", 3), ("NewGroupName", 3), ("Path", 4), ("NewPath", 4), ("PathPrefix", 4), ("Marker", 12),
        ("MaxItems", 4), ("Description", 3), ("MaxSessionDuration", 4), ("PermissionsBoundary", 2),
        ("SetAsDefault", 2), ("Scope", 6), ("OnlyAttached", 4), ("PolicyUsageFilter", 4), ("EntityFilter", 4),
    ]

    private mutating func value(of name: String, _ identities: AccountIdentities) -> String {
        if random.isOne(in: 40) { return junk() }
        switch name {
        case "UserName", "GroupName", "RoleName", "PolicyName", "NewUserName", "NewGroupName":
            return random.pick(["a", "b", "A", "c"])
        case "PolicyArn", "PermissionsBoundary":
            return "arn:aws:iam::111122223333:policy" + random.pick(["/", "/", "/x/"]) + random.pick(["a", "b", "A"])
        case "PolicyDocument", "AssumeRolePolicyDocument": return random.pick(Self.documents)
        case "AccessKeyId":
            let users = identities.records(.user).map { UniqueID?.some($0.id) } + [nil]
            return random.pick(users.flatMap { identities.accessKeys(of: $0) }.map(\.id) + ["AKIAIOSFODNN7EXAMPLE"])
        case "Status": return random.pick(["Active", "Inactive", "active"])
        case "VersionId": return random.pick(identities.policyRecords.flatMap(\.versions).map(\.name) + ["v1"])
        case "Path", "NewPath", "PathPrefix": return random.pick(["/", "/", "/x/", "/x/y/"])
        case "Marker": return random.pick(["YQ==", "Yg==", "dXNlciBh"])
        case "MaxItems": return random.pick(["1", "2", "1000"])
        case "MaxSessionDuration": return random.pick(["3600", "43200", "3599"])
        case "Scope": return random.pick(["All", "AWS", "Local"])
        case "PolicyUsageFilter": return random.pick(["PermissionsPolicy", "PermissionsBoundary"])
        case "EntityFilter": return random.pick(["User", "Role", "Group", "LocalManagedPolicy"])
        default: return random.pick(["true", "false", "text"])
        }
    }

    private static let documents = [
        Account.document, Account.document, Account.trust, Account.trust,
        #"{"Statement":{"Effect":"Deny","NotAction":"iam:*","NotResource":"arn:aws:kms:*"}}"#,
        #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/a"},"Action":"sts:*"}}"#,
        #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/b"},"Action":"sts:*"}}"#,
    ]

    private mutating func junk() -> String {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return ""
        case 1:
            return String(
                repeating: random.pick(["a", "/", "\u{E9}", "\u{1F600}"]), count: random.pick([65, 129, 513, 2100]))
        case 2: return random.pick(["-1", "0", "9223372036854775808", "1e3", "\u{661}"])
        case 3:
            return random.pick(["arn:", "arn:aws:iam::111122223333:policy/", "arn:aws:iam:::policy/a/", ":::::policy/"])
        case 4: return random.pick(Self.documents).dropLast(Int.random(in: 1...40, using: &random)).description
        default:
            let scalars = (0..<Int.random(in: 1...8, using: &random)).compactMap { _ in
                Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random))
            }
            return String(String.UnicodeScalarView(scalars))
        }
    }
}
