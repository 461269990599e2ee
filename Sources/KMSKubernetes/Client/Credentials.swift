package import KMSModel

/// An access key of AWS's kind.
package struct Credentials: Sendable {
    /// The part that is no secret.
    package let accessKeyID: String
    /// What requests are signed with.
    package let secret: SecretBytes
    /// What goes with a temporary one.
    package let sessionToken: String?

    package init(accessKeyID: String, secret: SecretBytes, sessionToken: String?) {
        self.accessKeyID = accessKeyID
        self.secret = secret
        self.sessionToken = sessionToken
    }
}

/// Where the access key comes from.
package enum CredentialSource: Sendable {
    /// What the environment had when the program began.
    case fixed(Credentials)
    /// A profile of a shared credentials file, which is read for each request: whoever replaces an access key in it need not
    /// tell anybody.
    case file(path: String, profile: String)

    /// Where AWS's tools would find it.
    ///
    /// A profile that was asked for comes before the environment's access key, which comes before the file.
    ///
    /// - Parameters:
    ///   - profile: What the command line asks for; nil for nothing.
    ///   - home: The home directory.
    package init(profile: String?, environment: [String: String], home: String) {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if profile == nil, let id = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") {
            self = .fixed(
                Credentials(
                    accessKeyID: id, secret: SecretBytes(copying: secret.utf8),
                    sessionToken: variable("AWS_SESSION_TOKEN")))
        } else {
            self = .file(
                path: variable("AWS_SHARED_CREDENTIALS_FILE") ?? "\(home)/.aws/credentials",
                profile: profile ?? variable("AWS_PROFILE") ?? "default")
        }
    }
}
