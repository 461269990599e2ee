package import KMSAccess

extension QueryFailure {
    /// What a caller learns of a policy that IAM did not accept.
    ///
    /// Source of the sentences: recorded answers.
    package init(_ failure: PolicyFailure) {
        let message =
            switch failure {
            case .wrongVersion: "Policy document must be version 2012-10-17 or greater."
            case .invalidSid:
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
                    + "[0-9A-Za-z]*"
            case .duplicateSid: "Statement IDs (SID) in a single policy must be unique."
            case .actionWithoutService: "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            case .invalidService(let name): "Vendor \(name) is not valid"
            case .unknownPrincipal(let text): "Invalid principal in policy: \"AWS\":\"\(text)\""
            case .resourceWithoutARN: "The policy failed legacy parsing"
            case .prohibitedResource: "Has prohibited field Resource"
            case .actionOutsideSTS: "AssumeRole policy may only specify STS AssumeRole actions."
            case .missingPrincipal: "Missing required field Principal"
            case .missingActions: "Policy statement must contain actions."
            case .missingResources: "Policy statement must contain resources."
            case .invalidPrincipal, .invalidARN: "Invalid principal in policy"
            case .tooLarge, .syntax, .invalidCharacter, .overlyPermissiveCondition, .lockout: "Syntax errors in policy."
            }
        self.init("MalformedPolicyDocument", message)
    }
}
