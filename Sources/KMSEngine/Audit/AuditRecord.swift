package import Foundation
package import KMSAccess
package import KMSIdentity
package import KMSModel

/// What one call was, who made it and how it ended, in the shape of a CloudTrail record.
///
/// Source: AWS CloudTrail User Guide, "CloudTrail record contents".
package struct AuditRecord: Sendable {
    /// The version of the record's shape.
    static let eventVersion = "1.11"
    /// The longest user agent that is kept, in bytes (CloudTrail: 1 KB).
    private static let longestUserAgent = 1024
    /// The longest record that is kept, in bytes (CloudTrail: 256 KB).
    package static let longestRecord = 256 << 10
    /// How much is kept of the text of an error in a record that would be longer, in bytes (CloudTrail: 1 KB).
    private static let longestMessage = 1024
    /// About how long a line is, in bytes.
    static let usualLength = 1280

    /// When it happened.
    package var time: Date
    /// The service, as CloudTrail names it.
    package let eventSource: String
    /// The operation, or the event of the service.
    package let eventName: String
    /// The record's own identifier.
    package private(set) var eventID: String
    /// The region that served the call.
    package let region: Region
    /// The account whose record this is.
    package let account: AccountID
    /// The refusal, or nil after a success.
    package var outcome: Failure?
    /// Whether the call changes nothing.
    package var isReadOnly = true
    /// What the request asked, as far as it may be kept.
    package var requestParameters: JSONObject?
    /// What the answer was, as far as it may be kept.
    package var responseElements: ResponseElements = .none
    /// What else CloudTrail shows of such a call.
    package var additionalEventData: JSONObject?
    /// The ARNs of the keys and aliases that the call was about, each with its account.
    package var resources: [(account: AccountID, arn: String)] = []
    /// Whether the record tells at all what the call was about.
    var showsResources = true
    /// Whether somebody came into the console, or tried to.
    private var isSignIn: Bool { eventSource == ConsoleSignIn.eventSource }
    /// What made the server do it.
    package let origin: Origin
    /// The service that made the call on the caller's behalf, or nil when the caller did.
    var invokedBy: String?
    /// The account that owns this copy: the caller's, or the owner's of a key in another account.
    private var recipient: AccountID
    /// What the two copies of a call across accounts have in common.
    private var sharedEventID: String?
    /// The identifiers of the copies for other accounts, as far as somebody had to know them.
    private var otherEventIDs: [AccountID: String] = [:]

    /// What `responseElements` holds.
    package enum ResponseElements: Sendable {
        case none
        case keyID(String)
        /// The answer's own JSON, whose member names begin in upper case.
        case answer(JSONObject)
    }

    /// Why a call failed.
    package struct Failure: Sendable {
        /// The error's name; CloudTrail calls a refused authorization `AccessDenied`, whatever the service's own exception
        /// is called.
        let code: String
        fileprivate(set) var message: String?
        /// Whether the caller was refused what it may not do.
        let isDenial: Bool
        /// Whether the answer says nothing of keys of other accounts, so that the record must not either.
        let hidesForeignKeys: Bool

        /// A refusal of the JSON protocol.
        package init(_ error: KMSError) {
            isDenial = error.code == .accessDenied
            hidesForeignKeys = isDenial || error.code == .notFound
            code = isDenial ? "AccessDenied" : error.code.rawValue
            message = error.message
        }

        /// A refusal of the query protocol.
        package init(_ failure: QueryFailure) {
            isDenial = failure.isDenial
            hidesForeignKeys = isDenial
            code = failure.code
            message = failure.message
        }
    }

    /// What made the server do it.
    package enum Origin: Sendable {
        /// A request.
        case call(Caller, client: Client, requestID: String)
        /// Time: a deletion or a rotation that was due.
        ///
        /// - Parameter requestID: Given to what CloudTrail shows as a call.
        case service(details: JSONObject?, requestID: String? = nil)
    }

    package init(
        time: Date, eventSource: String = "kms.amazonaws.com", eventName: String, eventID: String, region: Region,
        account: AccountID, origin: Origin
    ) {
        self.time = time
        self.eventSource = eventSource
        self.eventName = eventName
        self.eventID = eventID
        self.region = region
        self.account = account
        self.origin = origin
        recipient = account
    }

    /// The identifier of the request that it is of; nil for what happened by itself.
    var requestID: String? {
        switch origin {
        case .call(_, _, let requestID): requestID
        case .service(_, let requestID): requestID
        }
    }

    /// The identifier of the copy for `owner`.
    mutating func eventID(for owner: AccountID) -> String {
        guard owner != account else { return eventID }
        let known = otherEventIDs[owner] ?? RequestID.make()
        otherEventIDs[owner] = known
        return known
    }

    /// Whether all that the call was about is of the caller's account, so that there is one copy of the record.
    var isOfOneAccount: Bool { !resources.contains { $0.account != account } }

    /// The copies of the record: one for the caller's account and, after a call on a key of another account, one for that
    /// account too, unless the caller was denied.
    ///
    /// The owner learns which account it was, not who in it. The caller's copy names no key of another account that the
    /// answer hides: it would tell a key that is not shared from one that is not there, and what an alias points to.
    package func copies() -> [AuditRecord] {
        guard !isOfOneAccount else { return [self] }
        var own = self
        if outcome?.hidesForeignKeys == true { own.resources.removeAll { $0.account != account } }
        guard outcome?.isDenial != true else { return [own] }
        let owners = Set(resources.map(\.account)).subtracting([account]).sorted()
        own.sharedEventID = RequestID.make()
        return [own]
            + owners.map { owner in
                var copy = own
                copy.recipient = owner
                copy.eventID = own.eventID(for: owner)
                copy.resources = resources.filter { $0.account == owner }
                return copy
            }
    }

    /// The record as one line of JSON, members in CloudTrail's order.
    ///
    /// A record that would be too long is shortened step by step: the text of the error, which repeats values of the
    /// request, then what was asked, then what was answered. Else whoever may do nothing could fill the disk.
    package func line() -> [UInt8] {
        var writer = JSONWriter(capacity: Self.usualLength)
        write(lineTo: &writer)
        return writer.bytes
    }

    /// Writes what ``line()`` answers.
    func write(lineTo writer: inout JSONWriter) {
        let start = writer.count
        write(wholeLineTo: &writer)
        guard writer.count - start > Self.longestRecord else { return }
        var record = self
        if let message = outcome?.message {
            record.outcome?.message = String(decoding: message.utf8.prefix(Self.longestMessage), as: UTF8.self)
        }
        let steps: [(inout AuditRecord) -> Void] = [
            { $0.requestParameters = $0.requestParameters.map { Self.omitted($0, "requestParameters") } },
            {
                guard case .answer(let answer) = $0.responseElements else { return }
                $0.responseElements = .answer(Self.omitted(answer, "responseElements"))
            },
        ]
        for step in steps {
            writer.takeBack(to: start)
            record.write(wholeLineTo: &writer)
            guard writer.count - start > Self.longestRecord else { return }
            step(&record)
        }
        writer.takeBack(to: start)
        record.write(wholeLineTo: &writer)
    }

    /// What stands in a record in the place of a member that is too long for it.
    ///
    /// Source: AWS CloudTrail User Guide, "CloudTrail record contents": a member that is left out has `omitted`.
    private static func omitted(_ member: JSONObject, _ name: String) -> JSONObject {
        var writer = JSONWriter()
        writer.value(.object(member))
        return JSONObject([
            JSONObject.Member(name: "omitted", value: .bool(true)),
            JSONObject.Member(name: "originalSize", value: .number(String(writer.count))),
            JSONObject.Member(name: "reason", value: .string("\(name) too large")),
        ])
    }

    private func write(wholeLineTo writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("eventVersion", Self.eventVersion)
            write(identityTo: &writer)
            writer.member("eventTime", UTCTime(time).iso8601)
            writer.member("eventSource", eventSource)
            writer.member("eventName", eventName)
            writer.member("awsRegion", region.description)
            write(clientTo: &writer)
            write(outcomeTo: &writer)
            write(resourcesTo: &writer)
        }
        writer.lineFeed()
    }

    private func write(identityTo writer: inout JSONWriter) {
        writer.name("userIdentity")
        writer.object { writer in
            switch origin {
            case .call(let caller, _, _) where recipient == account:
                caller.write(identityTo: &writer)
                if let invokedBy { writer.member("invokedBy", invokedBy) }
            case .call(let caller, _, _):
                writer.member("type", "AWSAccount")
                writer.member("principalId", caller.principal.userID)
                writer.member("accountId", caller.principal.account.description)
            case .service:
                writer.member("accountId", account.description)
                writer.member("invokedBy", "AWS Internal")
            }
        }
    }

    private func write(clientTo writer: inout JSONWriter) {
        switch origin {
        case .call(_, let client, _):
            writer.member("sourceIPAddress", client.address)
            if let agent = client.userAgent {
                let isLong = agent.utf8.count > Self.longestUserAgent
                writer.member(
                    "userAgent",
                    isLong ? String(decoding: agent.utf8.prefix(Self.longestUserAgent), as: UTF8.self) : agent)
            }
        case .service:
            writer.member("sourceIPAddress", "AWS Internal")
            writer.member("userAgent", "AWS Internal")
        }
    }

    private func write(outcomeTo writer: inout JSONWriter) {
        if let outcome {
            writer.member("errorCode", outcome.code)
            if let message = outcome.message { writer.member("errorMessage", message) }
        }
        writer.name("requestParameters")
        if let requestParameters { writer.value(.object(requestParameters)) } else { writer.null() }
        writer.name("responseElements")
        switch responseElements {
        case .none: writer.null()
        case .keyID(let arn): writer.object { $0.member("keyId", arn) }
        case .answer(let answer): writer.value(.object(answer))
        }
        if let additionalEventData {
            writer.name("additionalEventData")
            writer.value(.object(additionalEventData))
        }
        if let requestID { writer.member("requestID", requestID) }
        writer.member("eventID", eventID)
    }

    private func write(resourcesTo writer: inout JSONWriter) {
        writer.name("readOnly")
        writer.bool(isReadOnly)
        if showsResources { write(listOfResourcesTo: &writer) }
        if case .service(let details, nil) = origin {
            writer.member("eventType", "AwsServiceEvent")
            if let details {
                writer.name("serviceEventDetails")
                writer.value(.object(details))
            }
        } else {
            writer.member("eventType", isSignIn ? "AwsConsoleSignIn" : "AwsApiCall")
        }
        writer.name("managementEvent")
        writer.bool(true)
        writer.member("recipientAccountId", recipient.description)
        if let sharedEventID { writer.member("sharedEventID", sharedEventID) }
        writer.member("eventCategory", "Management")
        if case .call(_, let client, _) = origin { client.tls?.write(to: &writer) }
    }

    private func write(listOfResourcesTo writer: inout JSONWriter) {
        writer.name("resources")
        writer.array { writer in
            for resource in resources {
                writer.object { writer in
                    writer.member("accountId", resource.account.description)
                    writer.member("type", "AWS::KMS::Key")
                    writer.member("ARN", resource.arn)
                }
            }
        }
    }
}

extension JSONWriter {
    /// Writes a member with a string.
    mutating func member(_ name: StaticString, _ value: String) {
        self.name(name)
        string(value)
    }
}
