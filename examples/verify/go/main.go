// An app that believes guestpass's assertion and nothing else. What to copy is in verify.go.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
)

func main() {
	verifier := &Verifier{guestpass: os.Getenv("GUESTPASS"), app: os.Getenv("APP")}
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "application/json")
		claims, err := verifier.Who(request.Header.Get("Guestpass-Assertion"))
		if err != nil {
			response.WriteHeader(http.StatusUnauthorized)
			json.NewEncoder(response).Encode(map[string]string{"error": err.Error()})
			return
		}
		json.NewEncoder(response).Encode(claims)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
