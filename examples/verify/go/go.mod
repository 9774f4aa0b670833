module guestpass.example/verify

go 1.24
