import KMSModel

/// The file in which AWS's tools keep access keys: sections, one for each profile, with a setting on each line.
package enum SharedCredentialsFile {
    /// The access key of a profile.
    ///
    /// - Throws: ``KMSFailure/noCredentials(_:)`` when the profile is not there, or lacks a part of it.
    package static func credentials(of profile: String, in text: String) throws(KMSFailure) -> Credentials {
        guard let settings = settings(of: profile, in: text) else {
            throw .noCredentials("the credentials file has no profile \"\(profile)\"")
        }
        guard let id = settings["aws_access_key_id"], let secret = settings["aws_secret_access_key"] else {
            throw .noCredentials("the profile \"\(profile)\" lacks aws_access_key_id or aws_secret_access_key")
        }
        return Credentials(
            accessKeyID: id, secret: SecretBytes(copying: secret.utf8), sessionToken: settings["aws_session_token"])
    }

    /// The settings of a section; nil when there is none of this name.
    ///
    /// Of two settings with one name the later counts.
    private static func settings(of profile: String, in text: String) -> [String: String]? {
        var settings: [String: String]?
        var isInside = false
        for line in text.split(whereSeparator: \.isNewline) {
            let line = trimmed(line)
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("["), line.hasSuffix("]") {
                isInside = trimmed(line.dropFirst().dropLast()) == profile
                if isInside { settings = settings ?? [:] }
                continue
            }
            guard isInside, let sign = line.firstIndex(of: "=") else { continue }
            let value = trimmed(line[line.index(after: sign)...])
            if !value.isEmpty { settings?[trimmed(line[..<sign]).lowercased()] = String(value) }
        }
        return settings
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop(while: \.isWhitespace)
        guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return start[...end]
    }
}
