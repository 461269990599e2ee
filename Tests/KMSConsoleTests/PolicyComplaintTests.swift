import KMSConsole
import KMSModel
import Testing

struct PolicyComplaintTests {
    private static let good =
        #"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}"#
    private static let user = "arn:aws:iam::111122223333:user/Gone"

    private func place(_ text: String, isKnown: (String) -> Bool? = { _ in nil }) -> String? {
        PolicyComplaint.place(in: text, .aws, isKnown: isKnown)
    }

    @Test(arguments: [
        ("", "line 1, column 1"), ("{ broken", "line 1, column 3"), ("{\n  \"a\": 1,\n  oops\n}", "line 3, column 3"),
        ("{\n\"é\": x}", "line 2, column 6"), ("{}x", "line 1, column 3"),
    ])
    func `what is no JSON is shown by its line and column`(text: String, position: String) {
        #expect(place(text) == "It is no JSON at \(position).")
    }

    @Test func `what has no statements says so`() {
        #expect(place("[]") == "A policy is an object: it begins with {.")
        #expect(place(#"{"Version": "2012-10-17"}"#) == "The policy has no member Statement.")
        #expect(place(#"{"Statement": [], "Statement": []}"#) == "An object has two members Statement.")
    }

    @Test func `a statement that is wrong is shown by its number and label`() {
        let bad = #"{"Sid": "Mine", "Effect": "Allow", "Action": "kms:*", "Resource": "*"}"#
        func text(_ statements: String...) -> String {
            #"{"Version": "2012-10-17", "Statement": [\#(statements.joined(separator: ", "))]}"#
        }
        #expect(place(text(Self.good, bad)) == "Statement 2 (Mine) is the one.")
        #expect(place(text("7", Self.good)) == "Statement 1 is the one.")
        #expect(place(#"{"Statement": \#(bad)}"#) == "Statement 1 (Mine) is the one.")
        #expect(place(text(Self.good)) == nil)
    }

    @Test func `somebody whom there is not is named`() {
        let gone = Self.good.replacing("arn:aws:iam::111122223333:root", with: Self.user)
        let text = #"{"Version": "2012-10-17", "Statement": [\#(Self.good), \#(gone)]}"#
        #expect(place(text) == nil)
        #expect(place(text) { $0 == Self.user ? false : nil } == "Statement 2 is the one: there is no \(Self.user).")
        #expect(place(text) { _ in true } == nil)
    }
}
