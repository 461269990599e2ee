import KMSModel

/// How far a key policy's statement admits a caller; greater admits more.
package enum Admission: Int, Sendable, Comparable {
    /// It names the caller's account: the account's own policies must allow as well.
    case byAccount
    /// It names the caller's role, or everybody: no identity policy is needed, but whatever narrows the role or the
    /// session still does.
    case byRole
    /// It names this very caller, or the caller has nothing that could narrow it.
    case byName

    /// Whether `left` admits less than `right`.
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Whom a statement is about, prepared for evaluation.
struct PrincipalMatcher: Sendable {
    /// The principals that are one name each, and at the same places their fingerprints.
    private let named: [PolicyPrincipal]
    private let fingerprints: [PrincipalFingerprint]
    private let isComplement: Bool
    private let listsAnyone: Bool
    private let listsAnyIdentity: Bool
    /// Users, roles and sessions that nobody knew when a denial was stored: it is for whoever has the name.
    private let refusedNames: [PolicyPrincipal]

    /// Returns nil for a selection that no caller is ever in.
    init?(_ selection: PolicySelection<PolicyPrincipal>, in effect: PolicyStatement.Effect) {
        isComplement = selection.isComplement
        listsAnyone = selection.elements.contains(.anyone)
        listsAnyIdentity = listsAnyone || selection.elements.contains(.anyIdentity)
        named = selection.elements.filter { $0.fingerprint != nil }
        fingerprints = selection.elements.compactMap(\.fingerprint)
        refusedNames = effect == .deny && !isComplement ? selection.elements.filter(\.isUnknown) : []
        guard isComplement ? !listsAnyone : listsAnyIdentity || !named.isEmpty || !refusedNames.isEmpty else {
            return nil
        }
    }

    /// How the statement is about `caller`, or nil if it is not.
    func admission(of caller: borrowing FingerprintedCaller) -> Admission? {
        let listsAll = caller.isService ? listsAnyone : listsAnyIdentity
        let layers = layersNamed(of: caller)
        // Every layer of the caller must be listed for a `NotPrincipal` to spare it: the account, the user or role, the
        // session (IAM User Guide, "NotPrincipal"). A user who is listed without the account is refused, and so is a user
        // of a listed account who is not listed.
        if isComplement { return listsAll || layers == caller.layers ? nil : .byName }
        if layers.contains(caller.ownLayer) { return .byName }
        // What narrows a role session narrows it here too; nothing narrows what `*` gives to others.
        if listsAll { return caller.ownLayer == .session ? .byRole : .byName }
        if layers.contains(.identity) { return .byRole }
        return layers.contains(.account) ? .byAccount : nil
    }

    /// What makes a statement that admits `caller` be about it, for explanations; nil if it is not.
    func naming(of caller: borrowing FingerprintedCaller) -> CallerNaming? {
        guard let admission = admission(of: caller) else { return nil }
        if isComplement { return .unlisted }
        if layersNamed(of: caller).contains(caller.ownLayer) { return .caller }
        if caller.isService ? listsAnyone : listsAnyIdentity { return .everybody }
        return admission == .byAccount ? .account : .role
    }

    private func layersNamed(of caller: borrowing FingerprintedCaller) -> PrincipalLayers {
        var result: PrincipalLayers = []
        for position in fingerprints.indices where caller.mayBe(fingerprints[position]) {
            result.formUnion(named[position].layer(of: caller.caller))
        }
        for principal in refusedNames { result.formUnion(principal.layerByName(of: caller.caller)) }
        return result
    }
}

extension PolicyPrincipal {
    /// The layer of the caller that this names, if it names one.
    ///
    /// A service is all one layer. An ARN of a user, role or session names nobody: whoever was known when the policy was
    /// stored stands in it by the identifier, and whoever gets the name later is somebody else.
    fileprivate func layer(of caller: AccessCaller) -> PrincipalLayers {
        switch (self, caller) {
        case (.account(let own), .principal(let principal)):
            own == principal.account ? .account : []
        case (.uniqueID(let own), .principal(let principal)):
            own == principal.id ? .identity : []
        case (.uniqueSession(let own, let ownSession), .principal(.roleSession(_, _, _, let session, let id))):
            own == id && ownSession.isSameASCII(as: session) ? .session : []
        case (.service(let own), .service(let name)):
            own.isSameASCII(as: name) ? .identity : []
        default:
            []
        }
    }
}

extension PolicyPrincipal {
    /// Whether this is an ARN of a user, role or session: in a stored policy, of somebody who was not known.
    fileprivate var isUnknown: Bool {
        switch self {
        case .user, .role, .roleSession: true
        default: false
        }
    }

    /// The layer of the caller that has this name now.
    fileprivate func layerByName(of caller: AccessCaller) -> PrincipalLayers {
        switch (self, caller) {
        case (.user(let own, let path, let name), .principal(.user(let account, let callerPath, let callerName, _))):
            own == account && name.isSameASCII(as: callerName) && path.isSameASCII(as: callerPath) ? .identity : []
        case (.role(let own, let path, let name), .principal(.roleSession(let account, let callerPath, let role, _, _))):
            own == account && name.isSameASCII(as: role) && path.isSameASCII(as: callerPath) ? .identity : []
        case (
            .roleSession(let own, let ownRole, let ownSession),
            .principal(.roleSession(let account, _, let role, let session, _))
        ):
            own == account && ownRole.isSameASCII(as: role) && ownSession.isSameASCII(as: session) ? .session : []
        default:
            []
        }
    }
}

extension String {
    /// Byte equality of this text, which is ASCII, with any other.
    ///
    /// Swift's `==` takes canonically equivalent texts for equal, such as the Kelvin sign and `K`. Whatever is equivalent
    /// to an ASCII text without being it has more bytes, so that the lengths decide.
    fileprivate func isSameASCII(as other: String) -> Bool {
        utf8.count == other.utf8.count && self == other
    }
}
