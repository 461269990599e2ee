import Crypto
import Foundation
import KMSAccess
import KMSModel

/// What one decision costs beside one AES-256-GCM seal of 32 bytes, in one run: rounds of both take turns, and the medians
/// are compared.
@main
enum AccessBenchmark {
    private static let rounds = 101
    private static let callsPerRound = 2000

    static func main() throws {
        let question = try question()
        let alone = KeyPolicy(try PolicyDocument.parse(keyPolicy(direct: true), in: .aws))
        let delegating = KeyPolicy(try PolicyDocument.parse(keyPolicy(direct: false), in: .aws))
        let identity = IdentityPolicy(try PolicyDocument.parse(identityPolicy, as: .identity))
        let none = CallerPolicies(identity: [], boundary: nil, session: nil)
        let own = CallerPolicies(identity: [identity], boundary: nil, session: nil)
        guard question.decision(under: alone, policies: none) == .allowed(.keyPolicy(statement: 9)),
            question.decision(under: delegating, policies: own) == .allowed(.keyPolicyAndIdentity(statement: 9))
        else { throw CocoaError(.coderInvalidValue) }

        let key = SymmetricKey(size: .bits256)
        let plaintext = Data(repeating: 7, count: 32)
        var samples: [[Double]] = [[], [], []]
        var sink = 0
        for _ in 0..<rounds {
            samples[0].append(time { if question.decision(under: alone, policies: none).isAllowed { sink += 1 } })
            samples[1].append(time { if question.decision(under: delegating, policies: own).isAllowed { sink += 1 } })
            samples[2].append(
                try time { sink += try AES.GCM.seal(plaintext, using: key, nonce: AES.GCM.Nonce()).tag.count })
        }
        guard sink > 0 else { return }
        let medians = samples.map { $0.sorted()[$0.count / 2] }
        report("key policy of ten statements, two conditions", medians[0], medians[2])
        report("key policy and identity policy, ten statements and two conditions each", medians[1], medians[2])
        report("AES-256-GCM seal of 32 bytes", medians[2], medians[2])
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

    private static func question() throws -> AccessQuestion {
        guard let account = AccountID("111122223333"), let id = UniqueID("AIDAABCDEFGHIJKLM2345") else {
            throw CocoaError(.coderInvalidValue)
        }
        return AccessQuestion(
            caller: .principal(.user(account, path: "/", name: "app", id: id)), action: "kms:Decrypt",
            resource: .key(
                arn: "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", owner: account),
            crossesAccounts: true, request: Request(context: [("purpose", "orders"), ("tenant", "blue")])
        )
    }

    /// A request that, as the server's, makes nothing before it is asked.
    private struct Request: ConditionSource {
        let context: [(key: String, value: String)]

        func values(of key: ConditionKey) -> ConditionValues {
            switch key {
            case .encryptionContext(let name): ConditionValues(context.first { $0.key.lowercased() == name }?.value)
            case .named(.sourceIP): .one("10.1.2.3")
            case .named(.encryptionContextKeys): .several(context.map(\.key))
            default: .absent
            }
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
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"], \#(conditions)}
            """#
        return #"{"Version": "2012-10-17", "Statement": [\#((others + [last]).joined(separator: ","))]}"#
    }
}
