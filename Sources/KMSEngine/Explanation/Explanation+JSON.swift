import KMSAccess
import KMSModel

extension Explanation {
    /// Writes the explanation as an object of JSON.
    ///
    /// Members: `Decision` (`ALLOWED` or `DENIED`), `Reason`, `DecidedBy`, `Steps`, `Documents`, `Grants`. Statements are
    /// counted from 0.
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("Decision", decision.isAllowed ? "ALLOWED" : "DENIED")
            writer.member("Reason", conclusion)
            writer.name("DecidedBy")
            writer.array { writer in
                for decider in deciders { decider.write(to: &writer) }
            }
            writer.name("Steps")
            writer.array { writer in steps.forEach { writer.string($0) } }
            writer.name("Documents")
            writer.array { writer in
                for document in documents { document.write(to: &writer) }
            }
            writer.name("Grants")
            writer.array { writer in
                for grant in grants {
                    writer.object { writer in
                        writer.member("GrantId", grant.id)
                        writer.name("Applies")
                        writer.bool(grant.answer != .silent)
                        writer.member("Why", grant.reason)
                    }
                }
            }
        }
    }
}

extension Explanation.Decider {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("Document", label)
            if let statement {
                writer.name("Statement")
                writer.integer(statement)
            }
            if let sid { writer.member("Sid", sid) }
        }
    }
}

extension Explanation.Document {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("Document", label)
            writer.member("Role", role.rawValue)
            guard let fates else { return writer.member("Withheld", "It is another account's.") }
            writer.name("Statements")
            writer.array { writer in
                for fate in fates {
                    writer.object { writer in
                        writer.name("Statement")
                        writer.integer(fate.position)
                        if let sid = fate.sid { writer.member("Sid", sid) }
                        writer.member("Effect", fate.effect.rawValue)
                        writer.name("Applies")
                        writer.bool(fate.applies)
                        writer.member("Why", fate.reason)
                    }
                }
            }
        }
    }
}
