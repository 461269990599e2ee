import KMSConsole
import Testing

struct FormTokenTests {
    @Test func `a form brings back the secret of its session and whose session it was`() throws {
        let session = try FormToken.session(of: "AIDAEXAMPLE")
        let token = try #require(FormToken(FormToken.page(of: session)))
        #expect(token.session == session)
        #expect(token.mark == FormToken.mark(of: "AIDAEXAMPLE"))
        #expect(token.mark != FormToken.mark(of: "AIDAOTHER"))
    }

    @Test func `sessions of one owner have different secrets, and pages different numbers`() throws {
        let sessions = try [FormToken.session(of: "AIDAEXAMPLE"), FormToken.session(of: "AIDAEXAMPLE")]
        #expect(sessions[0] != sessions[1])
        #expect(FormToken.page(of: sessions[0]) != FormToken.page(of: sessions[0]))
    }

    @Test func `what no form has is no token`() throws {
        let token = FormToken.page(of: try FormToken.session(of: "AIDAEXAMPLE"))
        let session = String(token.prefix { $0 != "." })
        for wrong in [
            "", ".", session, session + ".", String(token.dropLast()), String(token.dropFirst()), token + "0",
            token + ".0", token.uppercased(), token.replacing(".", with: "-"), token.dropLast() + "g",
            token.dropLast(2) + "é",
        ] {
            #expect(FormToken(wrong) == nil, "\(wrong)")
        }
    }
}
