extension KMSError.Code {
    /// The status that an answer with this code has.
    ///
    /// The API model marks three exceptions as faults; every other refusal that AWS was seen to give is a 400.
    package var httpStatus: Int {
        switch self {
        case .dependencyTimeout, .kmsInternal, .keyUnavailable, .internalFailure: 500
        case .serviceUnavailable: 503
        case .requestEntityTooLarge: 413
        default: 400
        }
    }
}
