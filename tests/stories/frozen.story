run 3s
freeze
-> HOLD freeze by ana
start policy=aggressive
-> HOLD PENDING
-> HOLD frozen by ana
unfreeze
-> HOLD unfreeze by ana
-> START
