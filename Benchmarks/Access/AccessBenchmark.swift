import Crypto
import Foundation
import KMSAccess
import KMSEngine
import KMSModel

/// What one decision, and holding a request to the quotas of its account, cost beside one AES-256-GCM seal of 32 bytes.
///
/// All are measured in one run, in rounds that take turns, and the medians are compared. The question is made anew for
/// each decision, and the nonce for each seal.
@main
enum AccessBenchmark {
    private static let rounds = 101
    private static let callsPerRound = 2000

    static func main() throws {
        let caller = try Caller()
        let alone = KeyPolicy(try PolicyDocument.parse(keyPolicy(direct: true), in: .aws))
        let crowded = KeyPolicy(try PolicyDocument.parse(crowdedKeyPolicy, in: .aws))
        let delegating = KeyPolicy(try PolicyDocument.parse(keyPolicy(direct: false), in: .aws))
        let identity = IdentityPolicy(try PolicyDocument.parse(identityPolicy, as: .identity))
        let none = CallerPolicies(identity: [], boundary: nil, session: nil)
        let own = CallerPolicies(identity: [identity], boundary: nil, session: nil)
        guard caller.question().decision(under: alone, policies: none) == .allowed(.keyPolicy(statement: 9)),
            caller.question().decision(under: crowded, policies: none) == .allowed(.keyPolicy(statement: 9)),
            caller.question().decision(under: delegating, policies: own)
                == .allowed(.keyPolicyAndIdentity(statement: 9))
        else { throw CocoaError(.coderInvalidValue) }

        var admission = try Admission()
        let key = SymmetricKey(size: .bits256)
        let plaintext = Data(repeating: 7, count: 32)
        let nonce = AES.GCM.Nonce()
        var samples: [[Double]] = Array(repeating: [], count: 7)
        var sink = 0
        func decide(_ policy: KeyPolicy, _ policies: CallerPolicies) -> Double {
            time { if caller.question().decision(under: policy, policies: policies).isAllowed { sink += 1 } }
        }
        for _ in 0..<rounds {
            samples[0].append(decide(alone, none))
            samples[1].append(decide(delegating, own))
            samples[2].append(decide(crowded, none))
            samples[3].append(try time { sink += try AES.GCM.seal(plaintext, using: key).tag.count })
            samples[4].append(try time { sink += try AES.GCM.seal(plaintext, using: key, nonce: nonce).tag.count })
            samples[5].append(time { sink += admission.admit(amongst: 1) })
            samples[6].append(time { sink += admission.admit(amongst: 1000) })
        }
        guard sink > 0 else { return }
        let medians = samples.map { $0.sorted()[$0.count / 2] }
        report("key policy of ten statements, two conditions", medians[0], medians[3])
        report("key policy and identity policy, ten statements and two conditions each", medians[1], medians[3])
        report("key policy of ten statements about the caller, two conditions each", medians[2], medians[3])
        report("AES-256-GCM seal of 32 bytes", medians[3], medians[3])
        report("AES-256-GCM seal of 32 bytes with a nonce that is there", medians[4], medians[3])
        report("request quotas of one account", medians[5], medians[3])
        report("request quotas of a thousand accounts in turn", medians[6], medians[3])
    }

    /// Microseconds for one call.
    private static func time(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        for _ in 0..<callsPerRound { try body() }
        let elapsed = ContinuousClock.now - start
        return elapsed / .microseconds(1) / Double(callsPerRound)
    }

    private static func report(_ name: String, _ time: Double, _ seal: Double) {
        print(String(format: "%8.3f us  %5.2f of a seal  ", time, time / seal) + name)
    }

    // MARK: The question

    /// Whoever asks, and all that a request of theirs is made of.
    private struct Caller {
        private let account: AccountID
        private let caller: AccessCaller
        private let action: ActionName = "kms:Decrypt"
        private let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        private let body: JSONObject
        private let tags = [IdentityTag(key: "owner", value: "shop"), IdentityTag(key: "project", value: "orders")]

        init() throws {
            let text = #"{"KeyId": "alias/a", "EncryptionContext": {"purpose": "orders", "tenant": "blue"}}"#
            guard case .object(let body) = try JSONParser.parse(text.utf8) else {
                throw CocoaError(.coderInvalidValue)
            }
            self.body = body

            guard let account = AccountID("111122223333"), let id = UniqueID("AIDAABCDEFGHIJKLM2345") else {
                throw CocoaError(.coderInvalidValue)
            }
            self.account = account
            caller = .principal(.user(account, path: "/", name: "app", id: id))
        }

        /// A question of its own for each request, as the server makes it.
        func question() -> AccessQuestion {
            AccessQuestion(
                caller: caller, action: action, resource: .key(arn: arn, owner: account), crossesAccounts: true,
                request: Request(
                    body: body, tags: tags, address: "10.1.2.3", userAgent: "aws-sdk", account: account,
                    region: "eu-central-1")
            )
        }
    }

    /// A request that, as the server's, makes nothing before it is asked, and is too large to stand in an existential.
    private struct Request: ConditionSource {
        let body: JSONObject
        let tags: [IdentityTag]
        let address: String
        let userAgent: String
        let account: AccountID
        let region: String

        func values(of key: ConditionKey) -> ConditionValues {
            switch key {
            case .encryptionContext(let name): ConditionValues(context(name))
            case .resourceTag(let name): ConditionValues(tags.first { $0.key.isSame(asFolded: name) }?.value)
            case .named(.sourceIP): .one(address)
            case .named(.userAgent): .one(userAgent)
            case .named(.callerAccount), .named(.principalAccount): .one(account.description)
            case .named(.requestedRegion): .one(region)
            default: .absent
            }
        }

        /// What the body has in the encryption context, found as the server finds it.
        private func context(_ name: String) -> String? {
            guard case .object(let pairs)? = body["EncryptionContext"] else { return nil }
            for pair in pairs.members {
                if case .string(let value) = pair.value, pair.name.isSame(asFolded: name) { return value }
            }
            return nil
        }
    }

    // MARK: The policies

    private static let conditions = #"""
        "Condition": {
            "StringEquals": {"kms:EncryptionContext:purpose": ["orders", "invoices"]},
            "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}
        }
        """#

    /// Nine statements that do not apply, and one that does.
    private static func keyPolicy(direct: Bool) -> String {
        let who = direct ? "AIDAABCDEFGHIJKLM2345" : "arn:aws:iam::111122223333:root"
        let others = (0..<9).map { number in
            #"""
            {"Sid": "Other \#(number)", "Effect": "\#(number < 2 ? "Deny" : "Allow")",
                "Principal": {"AWS": ["arn:aws:iam::44445555666\#(number):root", "AROAABCDEFGHIJKLM234\#(number % 6 + 2)"]},
                "Action": ["kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Decrypt"],
                "Resource": "*"}
            """#
        }
        let last = #"""
            {"Sid": "Use", "Effect": "Allow", "Principal": {"AWS": "\#(who)"}, "Resource": "*",
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                \#(conditions)}
            """#
        return #"{"Version": "2012-10-17", "Statement": [\#((others + [last]).joined(separator: ","))]}"#
    }

    /// Nine statements that do not apply because of their second condition, and one that does: none is ruled out early.
    private static var crowdedKeyPolicy: String {
        let statements = (0..<10).map { number in
            #"""
            {"Sid": "Use \#(number)", "Effect": "\#(number < 2 ? "Deny" : "Allow")", "Resource": "*",
                "Principal": {"AWS": "AIDAABCDEFGHIJKLM2345"}, "Action": ["kms:Encrypt", "kms:Decrypt"],
                "Condition": {
                    "StringEquals": {"kms:EncryptionContext:purpose": ["orders", "invoices"]},
                    "IpAddress": {"aws:SourceIp": "10.\#(10 - number).0.0/16"}
                }}
            """#
        }
        return #"{"Version": "2012-10-17", "Statement": [\#(statements.joined(separator: ","))]}"#
    }

    private static var identityPolicy: String {
        let others = (0..<9).map { number in
            #"""
            {"Sid": "Other\#(number)", "Effect": "\#(number < 2 ? "Deny" : "Allow")",
                "Action": ["s3:Get*", "s3:List*", "kms:Sign", "kms:Verify"],
                "Resource": "arn:aws:kms:*:111122223333:key/other-\#(number)"}
            """#
        }
        let last = #"""
            {"Sid": "Use", "Effect": "Allow", "Resource": "arn:aws:kms:eu-central-1:111122223333:key/*",
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
                "Condition": {"StringEquals": {
                    "aws:ResourceTag/project": "orders", "kms:EncryptionContext:tenant": ["red", "blue"]
                }}}
            """#
        return #"{"Version": "2012-10-17", "Statement": [\#((others + [last]).joined(separator: ","))]}"#
    }
}
