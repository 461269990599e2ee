/// Key policies whose last statement decides, behind some that do not match.
enum BenchmarkPolicy {
    /// Why a statement does not match.
    enum Mismatch: String, CaseIterable {
        case principal
        case action
        case condition
        /// Of two the first holds, so that both are evaluated.
        case secondCondition = "second condition"
    }

    static let account = "111122223333"

    private static let last = statement(
        #""Sid":"all","Principal":{"AWS":"arn:aws:iam::\#(account):root"},"Action":"kms:*""#)

    /// - Parameters:
    ///   - count: How many statements there are, with the one that decides.
    ///   - mismatch: Why the others do not match.
    static func text(statements count: Int, mismatch: Mismatch = .principal) -> String {
        let others = (1..<count).map { number in
            switch mismatch {
            case .principal: other(number, account: 999_988_880_000 + number)
            case .action: other(number, actions: #"["kms:Sign","kms:Verify"]"#)
            case .condition:
                other(
                    number, more: #","Condition":{"StringEquals":{"kms:EncryptionContext:purpose":"other \#(number)"}}"#
                )
            case .secondCondition:
                other(
                    number,
                    more: #","Condition":{"StringEquals":{"kms:EncryptionContext:purpose":"benchmark"},"#
                        + #""IpAddress":{"aws:SourceIp":"10.\#(100 + number).0.0/16"}}"#)
            }
        }
        return document(others + [last])
    }

    /// Lets the account administer the key, and use it by grants only.
    static var forGrants: String {
        document([
            statement(
                #""Principal":{"AWS":"arn:aws:iam::\#(account):root"},"Action":["kms:*Grant*","kms:Describe*","kms:*Policy"]"#
            )
        ])
    }

    private static func other(
        _ number: Int, account: Int? = nil, actions: String = #"["kms:Encrypt","kms:Decrypt"]"#, more: String = ""
    ) -> String {
        let principal = account.map(String.init) ?? Self.account
        return statement(
            #""Sid":"s\#(number)","Principal":{"AWS":"arn:aws:iam::\#(principal):root"},"Action":\#(actions)\#(more)"#)
    }

    private static func statement(_ members: String) -> String {
        #"{"Effect":"Allow","Resource":"*",\#(members)}"#
    }

    private static func document(_ statements: [String]) -> String {
        #"{"Version":"2012-10-17","Statement":[\#(statements.joined(separator: ","))]}"#
    }
}
