import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;

/** An app that believes guestpass's assertion and nothing else. */
public final class App {

    // --- what to copy ---------------------------------------------------------------------------------------------------

    /** What believes the assertions of one guestpass, known by its url, for one app. */
    static DefaultJWTProcessor<SecurityContext> verifier(String guestpass, String app) throws Exception {
        // Kept for five minutes; on an unknown `kid` read again, not more often than every ten seconds.
        var keys = JWKSourceBuilder.create(URI.create(guestpass + "/.well-known/jwks.json").toURL())
            .cache(300_000, 15_000)
            .rateLimited(10_000)
            .build();
        var claims = new DefaultJWTClaimsVerifier<SecurityContext>(
            app,
            new JWTClaimsSet.Builder().issuer(guestpass).build(),
            Set.of("sub", "iat", "exp"));
        // A minute unless told.
        claims.setMaxClockSkew(5);
        var verifier = new DefaultJWTProcessor<SecurityContext>();
        verifier.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("guestpass+jwt")));
        verifier.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.ES256, keys));
        verifier.setJWTClaimsSetVerifier(claims);
        return verifier;
    }

    // --------------------------------------------------------------------------------------------------------------------

    public static void main(String[] arguments) throws Exception {
        var verifier = verifier(System.getenv("GUESTPASS"), System.getenv("APP"));
        var port = Integer.parseInt(System.getenv("PORT"));
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/", exchange -> {
            int status;
            Map<String, Object> said;
            try {
                var assertion = exchange.getRequestHeaders().getFirst("Guestpass-Assertion");
                said = verifier.process(assertion == null ? "" : assertion, null).toJSONObject();
                status = 200;
            } catch (Exception error) {
                said = Map.of("error", String.valueOf(error.getMessage()));
                status = 401;
            }
            var body = JSONObjectUtils.toJSONString(said).getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(status, body.length);
            try (var out = exchange.getResponseBody()) {
                out.write(body);
            }
        });
        server.start();
    }
}
