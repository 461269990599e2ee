/// Some forms are a button alone: their pages have no field that could show them once more, so what was not done is said.
extension KeptForm {
    /// The sentence about a form of that kind; nil for a form that its page shows.
    package var undone: String? {
        let path = target.prefix { $0 != "?" }.split(separator: "/").dropFirst(2).map(String.init)
        switch path.first {
        case "keys" where path.count == 3: return undone(ofKey: path[2])
        case "access" where path.count == 2: return AccessChange.of(fields).flatMap { $0.undone(fields) }
        case "access" where path.last == "inline" && fields.has("delete"): return "The policy was not deleted."
        default: return nil
        }
    }

    /// What is said of it where it was to be shown.
    package var invitation: String {
        undone.map { "\($0) Press the button again if it is still to be done." }
            ?? "It stands here as you typed it: send it again."
    }

    /// - Parameter part: The end of the path of the key's page.
    private func undone(ofKey part: String) -> String? {
        func named(_ field: String) -> String { String((fields[field] ?? "").prefix(AccessChange.longestNamed)) }
        switch (part, fields["action"] ?? "") {
        case ("general", "enable"): return "The key was not enabled."
        case ("general", "disable"): return "The key was not disabled."
        case ("general", "cancel"): return "The deletion of the key was not canceled."
        case ("tags", "remove"): return "The tag \(named("tag-key")) was not removed."
        case ("aliases", "delete"): return "\(named("alias")) was not deleted."
        case ("rotation", "stop"): return "Automatic rotation was not stopped."
        case ("rotation", "rotate"): return "The key was not rotated."
        case ("grants", "revoke"): return "The grant \(named("grant")) was not revoked."
        case ("regions", "promote"): return "The key in \(named("region")) was not made the primary."
        default: return nil
        }
    }
}

extension AccessChange {
    /// How much of a name is said, in characters.
    fileprivate static let longestNamed = 200

    /// What is said of a form that is a button alone when it was not done; nil for one with fields.
    fileprivate func undone(_ form: FormFields) -> String? {
        let value = String((form[rawValue] ?? "").prefix(Self.longestNamed))
        return switch self {
        case .attach, .join, .boundary, .trust, .settings, .document, .tag: nil
        case .detach: "The policy \(value) was not detached."
        case .leave: "\(value) was not removed."
        case .createKey: "No access key was created."
        case .activate: "The access key \(value) was not activated."
        case .deactivate: "The access key \(value) was not deactivated."
        case .deleteKey: "The access key \(value) was not deleted."
        case .removeBoundary: "The permissions boundary was not removed."
        case .makeDefault: "Version \(value) was not put in force."
        case .deleteVersion: "Version \(value) was not deleted."
        case .untag: "The tag \(value) was not removed."
        case .delete: "Nothing was deleted."
        }
    }
}
