import KMSStore
import KMSStorePostgreSQL
import Testing

/// What is said of a database's location, and which ones are taken.
struct LocationTests {
    @Test(arguments: [
        ("postgresql://owner:secret@h-1:1,h2,[::1]:3/db?sslmode=require", "h-1:1,h2,[::1]:3/db"),
        ("postgres://127.0.0.1:54991/nodb?user=chat&password=secret@topsecret", "127.0.0.1:54991/nodb"),
        ("postgresql:///db?host=%2Frun%2Fpostgresql&password=secret", "%2Frun%2Fpostgresql/db"),
        ("postgresql://u:se%63ret@h/db?target_session_attrs=any", "h/db"),
        // What was not meant as libpq takes it.
        ("postgresql://h/db&password=secret", "h/…"),
        ("postgresql://h:1?user=u&password=secret@topsecret/db", "…"),
        ("postgresql://h?password=a@topsecret", "…"),
        ("postgresql://u:a/topsecret@h/db", "…"),
        ("postgresql://u:a@topsecret@h/db", "…"),
        ("postgresql://h/db?nonsense=topsecret", "…"),
    ])
    func `hosts and the database are said, and nothing else`(text: String, place: String) {
        #expect(LocationSummary(of: text).place == place)
    }

    @Test func `passwords are known, as they are and as they are written`() {
        let text = "postgresql://u:a%2Fb@h/db?sslpassword=c%20d"
        let secrets = LocationSummary(of: text).secrets
        #expect(secrets.first == text)
        #expect(Set(secrets) == [text, "a/b", "a%2Fb", "c d", "c%20d"])
        #expect(LocationSummary(of: "postgresql://h/db?password=abc@topsecret").secrets.contains("abc@topsecret"))
    }

    @Test(arguments: ["any", "read-only", "standby", "prefer-standby", ""])
    func `a server that may be a standby is not asked for`(wanted: String) async {
        do throws(StoreError) {
            _ = try await PostgreSQLStore.find(
                "postgresql://127.0.0.1:1/db?target_session_attrs=\(wanted)&connect_timeout=1", node: "a")
            Issue.record("it was found")
        } catch {
            #expect("\(error)".contains("target_session_attrs"))
        }
    }

    @Test(arguments: ["read-write", "primary"])
    func `a server that takes changes is asked for`(wanted: String) async {
        do throws(StoreError) {
            _ = try await PostgreSQLStore.find(
                "postgresql://127.0.0.1:1/db?target_session_attrs=\(wanted)&connect_timeout=1", node: "a")
            Issue.record("it was found")
        } catch {
            #expect(!"\(error)".contains("target_session_attrs"))
        }
    }
}
