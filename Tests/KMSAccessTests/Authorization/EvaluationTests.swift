import KMSAccess
import KMSModel
import Testing

/// Key policies, identity policies, boundaries, session policies and grants together.
struct EvaluationTests {
    @Test(arguments: try EvaluationVector.all())
    func `the decision is the one that the rules give`(vector: EvaluationVector) throws {
        let decision = try vector.decision()
        #expect(decision.isAllowed == vector.isAllowed, "\(decision)")
        #expect(decision.reason == vector.reason)
    }

    /// What each vector allows, an explicit denial anywhere takes away; and without any permission nothing is allowed.
    @Test(arguments: try EvaluationVector.all().filter(\.isAllowed))
    func `a denial anywhere denies, and nothing allows nothing`(vector: EvaluationVector) throws {
        for place in EvaluationVector.Place.allCases where vector.has(place) {
            #expect(try !vector.denying(everythingIn: place).decision().isAllowed, "\(place)")
        }
        #expect(try !vector.withoutPermissions().decision().isAllowed || vector.callerIsRoot)
    }
}

extension Decision {
    /// The name of the reason, as the vectors have it.
    var reason: String {
        switch self {
        case .allowed(.keyPolicy): "keyPolicy"
        case .allowed(.keyPolicyAndIdentity): "keyPolicyAndIdentity"
        case .allowed(.grant): "grant"
        case .allowed(.grantAndIdentity): "grantAndIdentity"
        case .allowed(.identity): "identity"
        case .denied(.deniedByKeyPolicy): "deniedByKeyPolicy"
        case .denied(.deniedByIdentityPolicy): "deniedByIdentityPolicy"
        case .denied(.deniedByBoundary): "deniedByBoundary"
        case .denied(.deniedBySessionPolicy): "deniedBySessionPolicy"
        case .denied(.notInKeyPolicy): "notInKeyPolicy"
        case .denied(.notInIdentityPolicies): "notInIdentityPolicies"
        case .denied(.notInBoundary): "notInBoundary"
        case .denied(.notInSessionPolicies): "notInSessionPolicies"
        case .denied(.notAcrossAccounts): "notAcrossAccounts"
        }
    }
}
