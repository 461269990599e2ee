import KMSEngine
import KMSModel

/// Why somebody may do something, or may not.
struct ExplainPage: Sendable {
    let visit: Visit

    /// What is asked, as it stands in the form.
    private struct Question: Sendable {
        let principal: String
        let key: String
        let alias: String
        let context: String
        let request: String
        let sessionPolicy: String
        let address: String
        let userAgent: String
        /// Whether one of the fields that are folded away at first says something.
        let hasMore: Bool
    }

    private struct Content: Sendable {
        let here: String
        let question: Question
        let actions: [Choice]
        /// What is wrong with the action that was asked for.
        let actionProblem: String?
        /// The alias that the question names the key by.
        let alias: String?
        let principals: [String]
        let keys: [String]
        let answer: ExplainedDecision?
    }

    /// What was sent: by the form, or by a link.
    private var fields: FormFields { visit.request.isPost ? visit.request.form : visit.request.query }

    /// Shows the form, and the answer to it once there is a question.
    func respond() async -> ConsoleResponse {
        var answer: ExplainedDecision?
        var failure: ConsoleFailure?
        let action = action
        if let problem = action.problem, fields.text("principal") != nil {
            failure = ConsoleFailure("ValidationException", problem)
        } else if visit.request.isPost || fields.text("principal") != nil && fields.text("action") != nil {
            do throws(ConsoleFailure) {
                answer = ExplainedDecision(try await visit.explain(try question()))
            } catch {
                failure = error
            }
        }
        let content = Content(
            here: "\(visit.base)/explain", question: typed,
            actions: Choice.list(Self.actions.map { ($0, $0) }, chosen: action.name), actionProblem: action.problem,
            alias: fields.text("key").flatMap { $0.contains(AliasName.prefix) ? $0 : nil },
            principals: await visit.suggestions(of: .user, "Arn") + visit.suggestions(of: .role, "Arn"),
            keys: await aliases(), answer: answer)
        return visit.page(.explain, "Explain a decision", at: .explain, alert: failure, content)
    }

    private var typed: Question {
        func text(_ name: String) -> String { fields[name] ?? "" }
        return Question(
            principal: text("principal"), key: text("key"), alias: text("alias"), context: text("context"),
            request: text("request"), sessionPolicy: text("session-policy"), address: text("address"),
            userAgent: text("user-agent"),
            hasMore: ["alias", "request", "session-policy", "address", "user-agent"].contains {
                fields.text($0) != nil
            })
    }

    /// All actions that policies can name: ReEncrypt needs one for each of its two keys.
    private static let actions = Catalogue.operations.map { $0.description.name }
        .flatMap { name in
            name == .reEncrypt ? ["kms:ReEncryptFrom", "kms:ReEncryptTo"] : ["kms:\(name.rawValue)"]
        }
        .sorted()

    /// The action as the list has it: policies look at no case either.
    ///
    /// Where there is no such action none is chosen, so that nobody takes the answer about another one for the answer.
    private var action: (name: String?, problem: String?) {
        guard let typed = fields.text("action") else { return ("kms:Decrypt", nil) }
        if let name = Self.actions.first(where: { $0.lowercased() == typed.lowercased() }) { return (name, nil) }
        return (nil, "There is no action “\(typed.prefix(200))” of KMS. Choose one.")
    }

    private func aliases() async -> [String] {
        let answer = try? await visit.kms(.listAliases, JSONObject(["Limit": .number("100")]))
        return (answer?.objects("Aliases") ?? []).compactMap { $0.text("AliasName") }
    }

    /// The question as the API takes it.
    private func question() throws(ConsoleFailure) -> JSONObject {
        var question = JSONObject()
        let texts = [
            ("Principal", "principal"), ("KeyId", "key"), ("AliasName", "alias"),
            ("SessionPolicy", "session-policy"), ("SourceIp", "address"), ("UserAgent", "user-agent"),
        ]
        if let name = action.name { question.append("Action", .string(name)) }
        for (member, field) in texts {
            if let text = fields.text(field) { question.append(member, .string(text)) }
        }
        let context = TextLines.object(in: fields["context"] ?? "")
        if !context.members.isEmpty { question.append("EncryptionContext", .object(context)) }
        if let text = fields.text("request") {
            guard let request = try? JSONParser.parse(text.utf8) else {
                throw ConsoleFailure("ValidationException", "The further members of the request are not JSON.")
            }
            question.append("Request", request)
        }
        return question
    }
}

/// A decision with what led to it.
struct ExplainedDecision: Sendable {
    /// A statement, or a grant, that decided.
    struct Decider: Sendable {
        let label: String
        /// Counted from 0, as the sentences of the answer do.
        let position: String?
        let sid: String?
    }

    struct Statement: Sendable {
        let position: String
        let sid: String?
        let effect: String
        let applies: Bool
        let why: String
    }

    struct Document: Sendable {
        let label: String
        let role: String
        let withheld: String?
        let statements: [Statement]
    }

    struct Grant: Sendable {
        let id: String
        let applies: Bool
        let why: String
    }

    let isAllowed: Bool
    let reason: String
    let deciders: [Decider]
    let steps: [String]
    let documents: [Document]
    let grants: [Grant]

    /// Reads an answer of the API.
    init(_ answer: JSONObject) {
        isAllowed = answer.text("Decision") == "ALLOWED"
        reason = answer.text("Reason") ?? ""
        deciders = answer.objects("DecidedBy").map {
            Decider(label: $0.text("Document") ?? "", position: $0.position, sid: $0.text("Sid"))
        }
        steps = answer.texts("Steps")
        documents = answer.objects("Documents").map { document in
            Document(
                label: document.text("Document") ?? "", role: document.text("Role") ?? "",
                withheld: document.text("Withheld"),
                statements: document.objects("Statements").map {
                    Statement(
                        position: $0.position ?? "", sid: $0.text("Sid"), effect: $0.text("Effect") ?? "",
                        applies: $0.flag("Applies"), why: $0.text("Why") ?? "")
                })
        }
        grants = answer.objects("Grants").map {
            Grant(id: $0.text("GrantId") ?? "", applies: $0.flag("Applies"), why: $0.text("Why") ?? "")
        }
    }
}

extension JSONObject {
    /// Which statement of a document is meant.
    fileprivate var position: String? { number("Statement").map { String(Int($0)) } }
}
